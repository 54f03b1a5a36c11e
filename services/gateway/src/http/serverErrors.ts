/** What Node or fastify would answer by themselves, before a request gets to any route: as problem details too. */
import { STATUS_CODES, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { ApiError, unavailable } from "../apiError.ts";
import type { App } from "./appDeps.ts";
import { problemType } from "./problem.ts";

/** Of what is no HTTP request, by Node's code of the error; of all others 400. */
const refusals: Readonly<Record<string, { status: number; detail: string }>> = {
  ERR_HTTP_REQUEST_TIMEOUT: {
    status: 408,
    detail: "the request did not come to its end in time",
  },
  HPE_HEADER_OVERFLOW: { status: 431, detail: "the headers are too large" },
  HPE_CHUNK_EXTENSIONS_OVERFLOW: {
    status: 413,
    detail: "the extensions of a chunk are too large",
  },
};
const noHttp = { status: 400, detail: "this is no valid HTTP request" };

/** On each connection its last answer: a refusal must not get into the middle of it. */
const answer = Symbol("answer");
type Answering = Socket & { [answer]?: ServerResponse };

/** fastify's `clientErrorHandler`. */
export function refuseBrokenRequest(
  { code }: Error & { code?: string },
  socket: Answering,
): void {
  if (code === "ECONNRESET" || !socket.writable) return;
  const last = socket[answer];
  if (last?.headersSent && !last.writableFinished) socket.destroy();
  else refuse(socket, refusals[code ?? ""] ?? noHttp);
}

/** From now on requests that the server itself would refuse get their answer from the app. */
export function answerForServer(app: App): void {
  let closing = false;
  app.addHook("preClose", (done) => {
    closing = true;
    done();
  });
  app.addHook("onRequest", ({ raw }, reply, done) => {
    (raw.socket as Answering)[answer] = reply.raw;
    const hasNoHost =
      raw.httpVersion === "1.1" && raw.headers.host === undefined;
    if (hasNoHost)
      done(new ApiError("invalid_request", "the Host header is missing"));
    else done(closing ? unavailable("the gateway is stopping") : undefined);
  });
  app.server.on("checkExpectation", ({ socket }) =>
    refuse(socket, { status: 417, detail: "Expect: only 100-continue" }),
  );
  app.server.on("connect", (_request, socket: Socket) =>
    refuse(socket, { status: 501, detail: "this is no proxy" }),
  );
}

/** The other side has so long to read the answer before the connection is cut. */
const lastWordsMs = 1_000;

function refuse(
  socket: Socket,
  { status, detail }: { status: number; detail: string },
): void {
  const title = STATUS_CODES[status] ?? "Error";
  const body = JSON.stringify({ type: "about:blank", title, status, detail });
  socket.end(
    `HTTP/1.1 ${status} ${title}\r\nConnection: close\r\nContent-Type: ${problemType}\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
  setTimeout(() => socket.destroy(), lastWordsMs).unref();
}
