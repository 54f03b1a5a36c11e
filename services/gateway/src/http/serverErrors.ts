/** What Node or fastify would answer by themselves, before a request gets to any route: as problem details too. */
import { STATUS_CODES, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { ApiError, unavailable } from "../apiError.ts";
import type { App } from "./appDeps.ts";
import { problemType } from "./sendRefusal.ts";

interface Refusal {
  status: number;
  detail: string;
}

/** Of what is no HTTP request, by Node's code of the error; of all others 400. */
const refusals: Readonly<Record<string, Refusal>> = {
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

/** On each connection its last two answers, and whether a refusal waits for them. */
const answers = Symbol("answers");
const refused = Symbol("refused");
type Answering = Socket & {
  [answers]?: { last: ServerResponse; before: ServerResponse | undefined };
  [refused]?: true;
};

/** fastify's `clientErrorHandler`. Whole requests that came before on the connection get their answers first. */
export function refuseBrokenRequest(
  { code }: Error & { code?: string },
  socket: Answering,
): void {
  if (code === "ECONNRESET" || !socket.writable) return;
  const refusal = refusals[code ?? ""] ?? noHttp;
  const { last, before } = socket[answers] ?? {};
  // What is broken is the body of the last request, or what follows it.
  const isBody = last?.req.complete === false;
  // A refusal must not get into the middle of an answer.
  if (isBody && last?.headersSent && !last.writableFinished) socket.destroy();
  else afterAnswer(socket, isBody ? before : last, () => refuse(socket, refusal)); // prettier-ignore
}

/** Those before it on the connection are out then too. One that goes on, as a stream, is broken off. */
function afterAnswer(
  socket: Answering,
  answer: ServerResponse | undefined,
  then: () => void,
): void {
  if (answer === undefined || answer.writableFinished) return then();
  // More of what is broken may come meanwhile.
  if (socket[refused]) return;
  socket[refused] = true;
  const deadline = setTimeout(() => socket.destroy(), lastWordsMs).unref();
  answer.once("close", () => {
    clearTimeout(deadline);
    if (socket.writable) then();
  });
}

/** From now on requests that the server itself would refuse get their answer from the app. */
export function answerForServer(app: App): void {
  let closing = false;
  app.addHook("preClose", (done) => {
    closing = true;
    done();
  });
  app.addHook("onRequest", ({ raw }, reply, done) => {
    const socket = raw.socket as Answering;
    socket[answers] = { last: reply.raw, before: socket[answers]?.last };
    const hasNoHost =
      raw.httpVersion === "1.1" && raw.headers.host === undefined;
    if (hasNoHost)
      done(new ApiError("invalid_request", "the Host header is missing"));
    else done(closing ? unavailable("the gateway is stopping") : undefined);
  });
  const refuseInTurn = (socket: Answering, refusal: Refusal) =>
    afterAnswer(socket, socket[answers]?.last, () => refuse(socket, refusal));
  app.server.on("checkExpectation", ({ socket }) =>
    refuseInTurn(socket, { status: 417, detail: "Expect: only 100-continue" }),
  );
  app.server.on("connect", (_request, socket: Socket) =>
    refuseInTurn(socket, { status: 501, detail: "this is no proxy" }),
  );
}

/** The other side has so long to read the answer before the connection is cut. */
const lastWordsMs = 1_000;

function refuse(socket: Socket, { status, detail }: Refusal): void {
  const title = STATUS_CODES[status] ?? "Error";
  const body = JSON.stringify({ type: "about:blank", title, status, detail });
  socket.end(
    `HTTP/1.1 ${status} ${title}\r\nConnection: close\r\nContent-Type: ${problemType}\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
  setTimeout(() => socket.destroy(), lastWordsMs).unref();
}
