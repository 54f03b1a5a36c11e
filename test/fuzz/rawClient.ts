/** HTTP over bare sockets: whatever bytes a test wants to send, and the answers that come back. */
import { connect, type Socket } from "node:net";

export interface RawAnswer {
  status: number;
  headers: Record<string, string>;
  body: Buffer;
  /** It came to its end. */
  whole: boolean;
}

export interface Connection {
  /**
   * Sends the pieces one after another, with a pause between them, and waits for as many answers as there are methods, or
   * for the end of the connection. A stream of events is left after its first bytes.
   */
  exchange(
    pieces: readonly Buffer[],
    methods: readonly string[],
    options?: { ends?: boolean; pauseMs?: number },
  ): Promise<RawAnswer[]>;
  /** It may be used again. */
  usable(): boolean;
  close(): void;
}

/** An answer takes so long at most. */
const answerWithinMs = 30_000;
/** A stream is read for so long. */
const streamForMs = 100;

export function openConnection(port: number): Connection {
  const socket = connect(port, "127.0.0.1");
  socket.setNoDelay(true);
  let isUsable = true;
  let wake = () => {};
  let got: Buffer = Buffer.alloc(0);
  let isOver = false;
  const over = () => {
    isOver = true;
    isUsable = false;
    wake();
  };
  socket.on("data", (piece) => {
    got = got.length === 0 ? piece : Buffer.concat([got, piece]);
    wake();
  });
  socket.once("end", over);
  socket.once("close", over);
  socket.on("error", over);

  /** Resolves with the next answer; undefined: the connection ended before one began. */
  async function nextAnswer(method: string): Promise<RawAnswer | undefined> {
    const deadline = performance.now() + answerWithinMs;
    let streamUntil = Infinity;
    for (;;) {
      const { answer, rest } = parseAnswer(got, method, isOver);
      if (answer?.whole) {
        got = rest;
        if (/close/i.test(answer.headers["connection"] ?? "")) isUsable = false;
        return answer;
      }
      const now = performance.now();
      if (/event-stream/.test(answer?.headers["content-type"] ?? ""))
        streamUntil = Math.min(streamUntil, now + streamForMs);
      if (isOver || now >= streamUntil || now >= deadline) {
        isUsable = false;
        return answer;
      }
      const { promise, resolve } = Promise.withResolvers<void>();
      wake = resolve;
      const timer = setTimeout(resolve, Math.min(streamUntil, deadline) - now);
      await promise;
      clearTimeout(timer);
    }
  }

  return {
    async exchange(pieces, methods, { ends = false, pauseMs = 0 } = {}) {
      const sending = sendAll(socket, pieces, { ends, pauseMs });
      const answers: RawAnswer[] = [];
      for (const method of methods) {
        const answer = await nextAnswer(method);
        if (answer === undefined) break;
        answers.push(answer);
        if (!isUsable) break;
      }
      await sending;
      if (ends) isUsable = false;
      return answers;
    },
    usable: () => isUsable && !isOver,
    close: () => void socket.destroy(),
  };
}

async function sendAll(
  socket: Socket,
  pieces: readonly Buffer[],
  { ends, pauseMs }: { ends: boolean; pauseMs: number },
): Promise<void> {
  for (const [i, piece] of pieces.entries()) {
    if (i > 0) await new Promise((done) => setTimeout(done, pauseMs));
    if (!socket.writable) return;
    socket.write(piece);
  }
  if (ends) socket.end();
}

/** The first answer in the bytes, past interim ones; not whole where its end is missing. */
function parseAnswer(
  bytes: Buffer,
  method: string,
  isOver: boolean,
): { answer?: RawAnswer; rest: Buffer } {
  const end = bytes.indexOf("\r\n\r\n");
  if (end < 0) return { rest: bytes };
  const [first = "", ...lines] = bytes.toString("latin1", 0, end).split("\r\n");
  const [, code] = /^HTTP\/1\.1 (\d{3}) /.exec(`${first} `) ?? [];
  if (code === undefined)
    throw new Error(`this is no answer: ${first.slice(0, 80)}`);
  const status = Number(code);
  let rest = bytes.subarray(end + 4);
  if (status < 200) return parseAnswer(rest, method, isOver);
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const colon = line.indexOf(":");
    headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
  }
  const made = (body: Buffer, whole: boolean) => ({
    answer: { status, headers, body, whole },
    rest,
  });
  if (method === "HEAD" || status === 204 || status === 304)
    return made(Buffer.alloc(0), true);
  if (/chunked/i.test(headers["transfer-encoding"] ?? "")) {
    const { body, taken } = readChunks(rest);
    rest = rest.subarray(taken ?? rest.length);
    return made(body, taken !== undefined);
  }
  const { "content-length": given } = headers;
  if (given === undefined) {
    const body = rest;
    rest = Buffer.alloc(0);
    return made(body, isOver);
  }
  const body = rest.subarray(0, Number(given));
  rest = rest.subarray(Number(given));
  return made(body, body.length === Number(given));
}

function readChunks(bytes: Buffer): { body: Buffer; taken?: number } {
  const parts: Buffer[] = [];
  let at = 0;
  for (;;) {
    const end = bytes.indexOf("\r\n", at);
    if (end < 0) return { body: Buffer.concat(parts) };
    const size = Number.parseInt(bytes.toString("latin1", at, end), 16);
    if (!(end + 4 + size <= bytes.length))
      return { body: Buffer.concat(parts) };
    parts.push(bytes.subarray(end + 2, end + 2 + size));
    at = end + 4 + size;
    if (size === 0) return { body: Buffer.concat(parts), taken: at };
  }
}
