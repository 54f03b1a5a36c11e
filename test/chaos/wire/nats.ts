/** The NATS protocol, as far as a witness needs it: no code of the system, nor its client, is part of what it says. */
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { connect } from "node:net";

export interface Message {
  subject: string;
  /** The header block as it came; "" where there is none. */
  headers: string;
  body: Buffer;
}

export interface Nats extends Disposable {
  readonly closed: boolean;
  /** Rejects where no answer comes in time, or the connection ends. */
  request(
    subject: string,
    body?: unknown,
    headers?: Readonly<Record<string, string>>,
  ): Promise<Record<string, unknown>>;
  subscribe(subject: string, onMessage: (message: Message) => void): void;
}

const answerMs = 5_000;

/** Connects once; what is lost stays lost. */
export async function connectNats(port: number): Promise<Nats> {
  const socket = connect(port, "127.0.0.1");
  const subscriptions = new Map<string, (message: Message) => void>();
  const asked = new Map<string, PromiseWithResolvers<Message>>();
  const inbox = `_INBOX.${randomUUID()}`;
  let closed = false;
  let buffer = Buffer.alloc(0);

  socket.on("data", (chunk) => {
    buffer = Buffer.concat([buffer, chunk]);
    let used = 0;
    for (let next; (next = frameAt(buffer, used));) {
      used = next.end;
      if (next.ping) socket.write("PONG\r\n");
      if (next.message) subscriptions.get(next.sid)?.(next.message);
    }
    buffer = buffer.subarray(used);
  });
  socket.on("error", () => {}); // `close` follows
  socket.on("close", () => {
    closed = true;
    const lost = new Error("the connection to the broker ended");
    for (const { reject } of asked.values()) reject(lost);
  });
  await Promise.race([
    once(socket, "connect"),
    once(socket, "close").then(() => {
      throw new Error("the broker does not listen");
    }),
  ]);
  socket.write(
    'CONNECT {"verbose":false,"headers":true,"no_responders":true}\r\n',
  );

  function subscribe(
    subject: string,
    onMessage: (message: Message) => void,
  ): void {
    const sid = String(subscriptions.size + 1);
    subscriptions.set(sid, onMessage);
    socket.write(`SUB ${subject} ${sid}\r\n`);
  }

  subscribe(`${inbox}.*`, (message) => {
    asked.get(message.subject)?.resolve(message);
  });

  async function request(
    subject: string,
    body: unknown = {},
    headers: Readonly<Record<string, string>> = {},
  ) {
    if (closed) throw new Error("the connection to the broker has ended");
    const reply = `${inbox}.${asked.size}-${randomUUID()}`;
    const answer = Promise.withResolvers<Message>();
    asked.set(reply, answer);
    const text = JSON.stringify(body);
    const late = setTimeout(
      () => answer.reject(new Error(`${subject}: no answer`)),
      answerMs,
    );
    const lines = Object.entries(headers).map((pair) => `${pair.join(": ")}\r\n`); // prettier-ignore
    const head = `NATS/1.0\r\n${lines.join("")}\r\n`;
    const [headSize, size] = [head, text].map((part) => Buffer.byteLength(part)); // prettier-ignore
    socket.write(
      lines.length === 0
        ? `PUB ${subject} ${reply} ${size}\r\n${text}\r\n`
        : `HPUB ${subject} ${reply} ${headSize} ${Number(headSize) + Number(size)}\r\n${head}${text}\r\n`,
    );
    try {
      const { body: found } = await answer.promise;
      if (found.length === 0) throw new Error(`${subject}: nobody answers`);
      return JSON.parse(found.toString()) as Record<string, unknown>;
    } finally {
      clearTimeout(late);
      asked.delete(reply);
    }
  }

  return {
    get closed() {
      return closed;
    },
    request,
    subscribe,
    [Symbol.dispose]: () => void socket.destroy(),
  };
}

interface Frame {
  end: number;
  ping: boolean;
  sid: string;
  message?: Message;
}

/** The frame that begins at a place; undefined where it is not there whole. */
function frameAt(buffer: Buffer, begin: number): Frame | undefined {
  const lineEnd = buffer.indexOf("\r\n", begin);
  if (lineEnd < 0) return undefined;
  const [verb = "", subject = "", sid = "", ...rest] = buffer
    .toString("latin1", begin, lineEnd)
    .split(" ");
  const after = lineEnd + 2;
  if (verb !== "MSG" && verb !== "HMSG")
    return { end: after, ping: verb === "PING", sid: "" };
  const size = Number(rest.at(-1));
  if (buffer.length < after + size + 2) return undefined;
  const headerSize = verb === "HMSG" ? Number(rest.at(-2)) : 0;
  const message = {
    subject,
    headers: buffer.toString("latin1", after, after + headerSize),
    body: Buffer.from(buffer.subarray(after + headerSize, after + size)),
  };
  return { end: after + size + 2, ping: false, sid, message };
}
