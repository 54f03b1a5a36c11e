/** A server that speaks OpenAI's API as vLLM does, with a fixed answer, and does what a test tells it to. */
import { freePort } from "@jetscribe/testing";
import { once } from "node:events";
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
} from "node:http";
import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

export const model = "team/Word-7B";
export const key = "sk-a-key-for-the-test";
/** Word by word. */
export const answer = Array.from({ length: 40 }, (_, i) => ` n${i}`);

export const contextSize = 1_024;
const msPerToken = 10;

/** What a test wants instead of an answer. */
type Instead =
  | { status: number; message?: string; headers?: Record<string, string> }
  /** Ends the connection after so many words, once `at` resolves. */
  | { breakAfter: number; at?: Promise<unknown> }
  /** Stands still after so many words, until `until` resolves. */
  | { pauseAfter: number; until: Promise<unknown> }
  | RawAnswer;

/** An answer as it is, piece by piece. */
export interface RawAnswer {
  pieces: (string | Uint8Array)[];
  contentType?: string;
  /** Nothing stands before the pieces, not even a status. */
  bare?: boolean;
  /** Between two pieces. */
  pauseMs?: number;
  /** Breaks the connection instead of ending the answer. */
  reset?: boolean;
}

interface Call {
  path: string;
  headers: IncomingHttpHeaders;
  body: Body;
}

interface Body {
  model: string;
  prompt?: string;
  messages?: { content: string }[];
  max_tokens: number;
  stream_options?: { continuous_usage_stats?: boolean };
  [option: string]: unknown;
}

export interface TestUpstream extends AsyncDisposable {
  url: string;
  /** The generations that were asked for. */
  calls: Call[];
  /** How many of them the client broke off. */
  brokenOff: () => number;
  /** Happens to the next calls, one each. */
  instead: Instead[];
  /** Ends each connection of now when the next request comes on it. */
  endIdle: () => void;
  /** How many it ended so. */
  endedIdle: () => number;
  /** Ends all connections and takes none. */
  goAway: () => Promise<void>;
  comeBack: () => Promise<void>;
}

/** `models`: what it answers for its list of models, instead of one. */
export async function startUpstream({
  ownedBy = "vllm",
  models,
}: {
  ownedBy?: string;
  models?: { status: number; body: string };
} = {}) {
  const calls: Call[] = [];
  const instead: Instead[] = [];
  let brokenOff = 0;

  async function serve(request: IncomingMessage, response: ServerResponse) {
    const path = request.url ?? "";
    if (path === "/v1/models")
      return models === undefined
        ? void listModels(response)
        : void response.writeHead(models.status).end(models.body);
    // Who looks for a server of its own on this port is told that this is another one.
    if (request.method !== "POST") return refuse(response, 404, "no such path");
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = JSON.parse(Buffer.concat(chunks).toString()) as Body;
    calls.push({ path, headers: request.headers, body });
    response.once("close", () => {
      if (!response.writableFinished) brokenOff += 1;
    });
    await answerCall(path, body, response, instead.shift());
  }

  function listModels(response: ServerResponse): void {
    const size =
      ownedBy === "vllm"
        ? { max_model_len: contextSize }
        : { meta: { n_ctx: contextSize } };
    const data = [{ id: model, object: "model", owned_by: ownedBy, ...size }];
    sendJson(response, 200, { object: "list", data });
  }

  const sockets = new Set<Socket>();
  let idle = new Set<Socket>();
  let endedIdle = 0;
  const server = createServer(
    // No client's end of them comes first.
    { keepAliveTimeout: 600_000 },
    (request, response) => {
      if (idle.delete(request.socket)) {
        endedIdle += 1;
        request.socket.destroy();
      } else void serve(request, response);
    },
  );
  server.on("connection", (socket) => sockets.add(socket));
  // It is still free when the upstream comes back.
  const port = await freePort();
  async function comeBack(): Promise<void> {
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
  }
  async function goAway(): Promise<void> {
    if (!server.listening) return;
    const closed = once(server, "close");
    server.close();
    server.closeAllConnections();
    await closed;
  }
  await comeBack();
  const upstream: TestUpstream = {
    url: `http://127.0.0.1:${port}/v1`,
    calls,
    instead,
    endIdle: () => void (idle = new Set(sockets)),
    endedIdle: () => endedIdle,
    goAway,
    comeBack,
    brokenOff: () => brokenOff,
    [Symbol.asyncDispose]: goAway,
  };
  return upstream;
}

const sendJson = (response: ServerResponse, status: number, body: object) =>
  response
    .writeHead(status, { "content-type": "application/json" })
    .end(JSON.stringify(body));

const refuse = (response: ServerResponse, status: number, message: string) =>
  sendJson(response, status, {
    error: { message, type: "BadRequestError", code: status },
  });

async function answerCall(
  path: string,
  body: Body,
  response: ServerResponse,
  instead: Instead | undefined,
): Promise<void> {
  if (instead && "status" in instead) {
    const { status, message = "not now", headers = {} } = instead;
    for (const [name, value] of Object.entries(headers))
      response.setHeader(name, value);
    return void refuse(response, status, message);
  }
  if (instead && "pieces" in instead) return await sendRaw(response, instead);
  const chat = path === "/v1/chat/completions";
  const prompt = body.prompt ?? body.messages?.[0]?.content ?? "";
  const begun = chat ? 0 : wordsAtTheEnd(prompt);
  const promptTokens = prompt.split(" ").length + (chat ? 3 : 0);
  if (promptTokens + body.max_tokens > contextSize)
    return void refuse(
      response,
      400,
      `the prompt has ${promptTokens} tokens and max_tokens is ${body.max_tokens}`,
    );
  response.writeHead(200, { "content-type": "text/event-stream" });
  const length = body["ignore_eos"] ? Infinity : answer.length;
  const last = Math.min(length, begun + body.max_tokens);
  const usage = (completion_tokens: number) => ({
    prompt_tokens: promptTokens,
    completion_tokens,
    prompt_tokens_details: { cached_tokens: 2 },
  });
  const along = body.stream_options?.continuous_usage_stats;
  for (let i = begun; i < last && !response.closed; i++) {
    if (instead && "breakAfter" in instead && i === instead.breakAfter) {
      await instead.at;
      return void response.destroy();
    }
    if (instead && "pauseAfter" in instead && i === instead.pauseAfter)
      await instead.until;
    await sleep(msPerToken);
    const text = answer[i % answer.length] ?? "";
    const choice = chat ? { delta: { content: text } } : { text };
    say(response, {
      choices: [{ index: 0, ...choice, finish_reason: null }],
      ...(along && { usage: usage(i - begun + 1) }),
    });
  }
  const finish_reason = last === length ? "stop" : "length";
  const ending = chat ? { delta: {} } : { text: "" };
  say(response, { choices: [{ index: 0, ...ending, finish_reason }] });
  say(response, { choices: [], usage: usage(last - begun) });
  response.end("data: [DONE]\n\n");
}

async function sendRaw(
  response: ServerResponse,
  {
    pieces,
    contentType = "text/event-stream",
    bare = false,
    pauseMs = 0,
    reset = false,
  }: RawAnswer,
): Promise<void> {
  const out = (bare && response.socket) || response;
  if (!bare) response.writeHead(200, { "content-type": contentType });
  for (const piece of pieces) {
    out.write(piece);
    await sleep(pauseMs);
  }
  if (reset) out.destroy();
  else out.end();
}

const say = (response: ServerResponse, chunk: object) =>
  response.write(`data: ${JSON.stringify(chunk)}\n\n`);

/** How many words of the answer the prompt has already. */
function wordsAtTheEnd(prompt: string): number {
  for (let count = answer.length; count > 0; count--)
    if (prompt.endsWith(answer.slice(0, count).join(""))) return count;
  return 0;
}
