/** The NATS protocol, as far as a witness needs it: no code of the system, nor its client, is part of what it says. */
import { randomUUID } from "node:crypto";
import { connect } from "node:net";
import { proveKey } from "./nkey.ts";

/** Who connects: a user with its password, or with the seed of its nkey and, if it hears answers nowhere else, under a prefix. */
export type Login =
  { user: string; pass: string } | { seed: string; inboxPrefix?: string };

export interface Message {
  subject: string;
  /** Where an answer goes; "" where none is wanted. */
  reply: string;
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
  publish(
    subject: string,
    text: string,
    options?: { reply?: string; headers?: Readonly<Record<string, string>> },
  ): void;
  subscribe(subject: string, onMessage: (message: Message) => void): void;
}

const answerMs = 5_000;

/** Connects once; what is lost stays lost. Without a login where the server lets anybody in. */
export async function connectNats(port: number, login?: Login): Promise<Nats> {
  const socket = connect(port, "127.0.0.1");
  const subscriptions = new Map<string, (message: Message) => void>();
  const asked = new Map<string, PromiseWithResolvers<Message>>();
  const prefix = login && "seed" in login ? login.inboxPrefix : undefined;
  const inbox = `${prefix ?? "_INBOX"}.${randomUUID()}`;
  const greeting = Promise.withResolvers<string>();
  let lost = "the connection to the broker ended";
  let closed = false;
  let buffer = Buffer.alloc(0);

  socket.on("data", (chunk) => {
    buffer = Buffer.concat([buffer, chunk]);
    let used = 0;
    for (let next; (next = frameAt(buffer, used));) {
      used = next.end;
      if (next.ping) socket.write("PONG\r\n");
      if (next.greeting !== undefined) greeting.resolve(next.greeting);
      if (next.refusal !== undefined) lost = next.refusal;
      if (next.message) subscriptions.get(next.sid)?.(next.message);
    }
    buffer = buffer.subarray(used);
  });
  socket.on("error", () => {}); // `close` follows
  socket.on("close", () => {
    closed = true;
    for (const { reject } of asked.values()) reject(new Error(lost));
    greeting.reject(new Error("the broker does not listen"));
  });
  // A frozen server lets a connection be made, and says nothing.
  socket.setTimeout(answerMs, () => socket.destroy());
  const { nonce = "" } = JSON.parse(await greeting.promise) as { nonce?: string }; // prettier-ignore
  socket.setTimeout(0);
  const hello = {
    ...{ verbose: false, headers: true, no_responders: true },
    ...(login && ("seed" in login ? proveKey(login.seed, nonce) : login)),
  };
  socket.write(`CONNECT ${JSON.stringify(hello)}\r\n`);

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

  function publish(
    subject: string,
    text: string,
    {
      reply = "",
      headers = {},
    }: { reply?: string; headers?: Readonly<Record<string, string>> } = {},
  ): void {
    const lines = Object.entries(headers).map((pair) => `${pair.join(": ")}\r\n`); // prettier-ignore
    const head = `NATS/1.0\r\n${lines.join("")}\r\n`;
    const [headSize, size] = [head, text].map((part) => Buffer.byteLength(part)); // prettier-ignore
    socket.write(
      lines.length === 0
        ? `PUB ${subject} ${reply} ${size}\r\n${text}\r\n`
        : `HPUB ${subject} ${reply} ${headSize} ${Number(headSize) + Number(size)}\r\n${head}${text}\r\n`,
    );
  }

  async function request(
    subject: string,
    body: unknown = {},
    headers: Readonly<Record<string, string>> = {},
  ) {
    if (closed) throw new Error(lost);
    const reply = `${inbox}.${asked.size}-${randomUUID()}`;
    const answer = Promise.withResolvers<Message>();
    asked.set(reply, answer);
    const late = setTimeout(
      () => answer.reject(new Error(`${subject}: no answer`)),
      answerMs,
    );
    publish(subject, JSON.stringify(body), { reply, headers });
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
    publish,
    subscribe,
    [Symbol.dispose]: () => void socket.destroy(),
  };
}

interface Frame {
  end: number;
  ping: boolean;
  sid: string;
  message?: Message;
  /** What the server says of itself when a connection is made. */
  greeting?: string;
  /** Why it ends the connection, or refuses something. */
  refusal?: string;
}

/** The frame that begins at a place; undefined where it is not there whole. */
function frameAt(buffer: Buffer, begin: number): Frame | undefined {
  const lineEnd = buffer.indexOf("\r\n", begin);
  if (lineEnd < 0) return undefined;
  const line = buffer.toString("latin1", begin, lineEnd);
  const [verb = "", subject = "", sid = "", ...rest] = line.split(" ");
  const end = lineEnd + 2;
  const said = line.slice(verb.length).trim();
  if (verb === "INFO") return { end, ping: false, sid: "", greeting: said };
  if (verb === "-ERR") return { end, ping: false, sid: "", refusal: said };
  if (verb !== "MSG" && verb !== "HMSG")
    return { end, ping: verb === "PING", sid: "" };
  const size = Number(rest.at(-1));
  if (buffer.length < end + size + 2) return undefined;
  const headerSize = verb === "HMSG" ? Number(rest.at(-2)) : 0;
  const sizes = verb === "HMSG" ? 2 : 1;
  const message = {
    subject,
    reply: rest.length > sizes ? (rest[0] ?? "") : "",
    headers: buffer.toString("latin1", end, end + headerSize),
    body: Buffer.from(buffer.subarray(end + headerSize, end + size)),
  };
  return { end: end + size + 2, ping: false, sid, message };
}
