/** Serves an empty page, and the project's TypeScript as a browser takes it: without its types. */
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { stripTypeScriptTypes } from "node:module";
import type { AddressInfo } from "node:net";
import { root } from "../../scripts/install/project.mjs";

export async function startPageServer() {
  const server = createServer((request, response) => {
    const { url = "/" } = request;
    const answer = (type: string, text: string) =>
      response.writeHead(200, { "content-type": type }).end(text);
    if (!url.endsWith(".ts")) return void answer("text/html", "<!doctype html>"); // prettier-ignore
    readFile(root + url, "utf8").then(
      (source) => answer("text/javascript", stripTypeScriptTypes(source)),
      () => response.writeHead(404).end(),
    );
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}
