/**
 * Looks at every answer that this process gets from a gateway, by `fetch` or by `node:http`, and holds it against the
 * gateway's own document. A test does nothing for that: see `setUp.ts`. What comes over a bare socket is not seen.
 */
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { get, type ClientRequest, type IncomingMessage } from "node:http";
import { json } from "node:stream/consumers";
import {
  makeAnswerChecker,
  type ApiDocument,
  type Exchange,
} from "./answerChecker.ts";

type Check = (exchange: Exchange) => string[];

interface Gateway {
  check: Check | undefined;
  /** The document is on its way. */
  asking: boolean;
  /** What came before the document did. */
  waiting: Exchange[];
}

/** By their ports: clients name this machine in several ways. */
const gateways = new Map<number, Gateway>();
let violations: string[] = [];

/**
 * From now on the answers of this address are checked. Without a document the gateway is asked for it when its first
 * answer came; of one that dies before it gave its document nothing is checked.
 */
export function checkAnswersOf(url: string, document?: unknown): void {
  gateways.set(portOf(url), {
    check: document ? makeAnswerChecker(document as ApiDocument) : undefined,
    asking: false,
    waiting: [],
  });
}

/** What was wrong since the last time that this was asked, in words. */
export function takeViolations(): string[] {
  const taken = violations;
  violations = [];
  return taken;
}

const portOf = (url: string | URL) => Number(new URL(url).port);

function note(port: number, exchange: Exchange): void {
  const gateway = gateways.get(port);
  if (gateway === undefined) return;
  if (gateway.check === undefined) {
    gateway.waiting.push(exchange);
    askForDocument(port, gateway);
  } else tell(gateway.check, exchange);
}

function tell(check: Check, exchange: Exchange): void {
  const { method, path, status, body } = exchange;
  const wrong = check(exchange);
  if (wrong.length === 0) return;
  const call = `${method} ${path.slice(0, 100)}: ${status}`;
  const text = body?.toString().slice(0, 500) ?? "";
  violations.push(`${call}: ${wrong.join("; ")}\n    ${text}`);
}

const documentWithinMs = 5_000;

/** Where the document was late it is asked for once more: the machine may have stood still. */
function askForDocument(
  port: number,
  gateway: Gateway,
  mayBeLate = true,
): void {
  if (gateway.asking) return;
  gateway.asking = true;
  let isLate = false;
  const over = (check?: Check) => {
    gateway.asking = false;
    gateway.check ??= check;
    if (check === undefined) {
      if (isLate && mayBeLate) askForDocument(port, gateway, false);
      return;
    }
    for (const exchange of gateway.waiting.splice(0)) tell(check, exchange);
  };
  const request = get(
    `http://127.0.0.1:${port}/openapi.json`,
    { agent: false, timeout: documentWithinMs },
    (response) => {
      json(response).then(
        (document) => over(makeAnswerChecker(document as ApiDocument)),
        () => over(),
      );
    },
  );
  request.once("timeout", () => {
    isLate = true;
    request.destroy();
  });
  request.once("error", () => over());
}

/** A request of undici, which is what `fetch` sends. */
interface UndiciRequest {
  origin: string | URL;
  method: string;
  path: string;
}
type Coming = Omit<Exchange, "body"> & { chunks: Buffer[] };

/** Begins to look; the function that is given back ends it. */
export function watchAnswers(): () => void {
  const coming = new WeakMap<UndiciRequest, Coming>();

  const channels: Record<string, (message: unknown) => void> = {
    "undici:request:headers"(message) {
      const { request, response } = message as {
        request: UndiciRequest;
        response: { statusCode: number; headers: Buffer[] };
      };
      if (!gateways.has(portOf(request.origin))) return;
      const { method, path } = request;
      const { statusCode: status, headers } = response;
      coming.set(request, {
        ...{ method, path, status, chunks: [] },
        headers: headersOf(headers.map(String)),
      });
    },
    "undici:request:bodyChunkReceived"(message) {
      const { request, chunk } = message as {
        request: UndiciRequest;
        chunk: Uint8Array;
      };
      const answer = coming.get(request);
      if (answer && keeps(answer)) answer.chunks.push(Buffer.from(chunk));
    },
    "undici:request:trailers"(message) {
      const { request } = message as { request: UndiciRequest };
      const answer = coming.get(request);
      if (answer) note(portOf(request.origin), whole(answer));
    },
    "http.client.response.finish"(message) {
      const { request, response } = message as {
        request: ClientRequest;
        response: IncomingMessage;
      };
      const port = response.socket.remotePort ?? 0;
      if (!gateways.has(port)) return;
      const answer: Coming = {
        ...{ method: request.method, path: request.path, chunks: [] },
        status: response.statusCode ?? 0,
        headers: headersOf(response.rawHeaders),
      };
      keepChunks(response, answer, () => note(port, whole(answer)));
    },
  };
  for (const [name, listener] of Object.entries(channels))
    subscribe(name, listener);
  return () => {
    for (const [name, listener] of Object.entries(channels))
      unsubscribe(name, listener);
  };
}

/** The test reads the answer, or doesn't: a listener of ours would make it flow. */
function keepChunks(
  response: IncomingMessage,
  answer: Coming,
  onEnd: () => void,
): void {
  const push = response.push.bind(response);
  response.push = (chunk: Buffer | null, encoding) => {
    if (chunk === null) onEnd();
    else if (keeps(answer)) answer.chunks.push(chunk);
    return push(chunk, encoding);
  };
}

const keeps = ({ headers }: Coming): boolean =>
  /json/.test(headers["content-type"] ?? "");

const whole = ({ chunks, ...answer }: Coming): Exchange => ({
  ...answer,
  body: keeps({ ...answer, chunks }) ? Buffer.concat(chunks) : undefined,
});

function headersOf(raw: readonly string[]): Record<string, string> {
  const headers: Record<string, string> = {};
  for (let i = 0; i < raw.length; i += 2)
    headers[(raw[i] ?? "").toLowerCase()] = raw[i + 1] ?? "";
  return headers;
}
