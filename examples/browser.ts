/**
 * The server of browser.html. It has the API key: it makes the task, and a token with which the page reads this one task
 * from the gateway itself.
 *
 *     CORS_ORIGINS=http://127.0.0.1:8080 npm start
 *     JETSCRIBE_URL=http://127.0.0.1:8000 JETSCRIBE_KEY=… node scripts/with-node.mjs examples/browser.ts
 */
import { makeClient } from "@jetscribe/client";
import { readFile } from "node:fs/promises";
import { createServer, type IncomingMessage } from "node:http";
import { json } from "node:stream/consumers";

const {
  JETSCRIBE_URL: url = "http://127.0.0.1:8000",
  JETSCRIBE_KEY: apiKey = "",
  PORT: port = "8080",
} = process.env;

const client = makeClient({ url, apiKey });
const page = await readFile(new URL("browser.html", import.meta.url));

/** Makes a task, and returns the address of its stream, which the page opens without a key. */
async function submit(request: IncomingMessage): Promise<string> {
  const { prompt } = (await json(request)) as { prompt: string };
  const { task_id } = await client.generate({ prompt, max_tokens: 64 });
  const answer = await fetch(`${url}/tasks/${task_id}/token`, {
    method: "POST",
    headers: { "x-api-key": apiKey },
  });
  if (!answer.ok) throw new Error(await answer.text());
  const { token } = (await answer.json()) as { token: string };
  return `${url}/stream/${task_id}?token=${token}`;
}

const server = createServer((request, response) => {
  if (request.method !== "POST") {
    const type = "text/html; charset=utf-8";
    response.writeHead(200, { "content-type": type }).end(page);
    return;
  }
  // Pages of other origins can't send this type without being allowed to.
  if (request.headers["content-type"] !== "application/json") {
    response.writeHead(415).end();
    return;
  }
  submit(request).then(
    (stream) => response.end(stream),
    (error) => response.writeHead(502).end(String(error)),
  );
});
server.listen(Number(port), "127.0.0.1", () =>
  console.log(`open http://127.0.0.1:${port}`),
);
process.once("SIGINT", () => {
  server.close();
  server.closeAllConnections();
});
