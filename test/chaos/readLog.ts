/** The stream EVENTS, or that of the keys, message by message. */
import { connectWitness, type Witnessed } from "./connectWitness.ts";
import { headerOf } from "./wire/headerOf.ts";
import type { Nats } from "./wire/nats.ts";

export interface LoggedEvent {
  seq: number;
  /** When the broker stored it, in ms since the epoch. */
  time: number;
  /** `requested`, `started` …, and `created` … of a key: the third word of the subject. */
  word: string;
  /** The work queue of its task: made of the other words. */
  queue: string;
  /** CloudEvents' type. */
  type: string;
  messageId: string;
  /** Of a key's event the id of the key. */
  taskId: string;
  data: Record<string, unknown>;
}

/** The slug of whose task it is about. */
export const ownerOf = ({ queue }: LoggedEvent): string =>
  queue.split("=")[3] ?? "";

export interface LogReader {
  /** Everything that stands in the log now; what was read before is not read again. */
  read(): Promise<readonly LoggedEvent[]>;
}

const atATime = 256;

export function makeLogReader(
  at: Witnessed,
  stream: "EVENTS" | "KEYS" = "EVENTS",
): LogReader {
  const events: LoggedEvent[] = [];
  let next = 1;
  let last: Promise<unknown> = Promise.resolve();

  async function readOn(): Promise<readonly LoggedEvent[]> {
    using broker = await connectWitness(at);
    const info = await broker.request(`$JS.API.STREAM.INFO.${stream}`);
    const cluster = info["cluster"] as { leader?: string } | undefined;
    // A node that knows of no leader says what it knew last.
    if (cluster !== undefined && !cluster.leader)
      throw new Error(`${stream} has no leader`);
    const { last_seq: end } = info["state"] as { last_seq: number };
    while (next <= end) {
      const count = Math.min(atATime, end - next + 1);
      const seqs = Array.from({ length: count }, (_, i) => next + i);
      const found = await Promise.all(
        seqs.map((seq) => readAt(broker, stream, seq)),
      );
      events.push(...found.filter((event) => event !== undefined));
      next += count;
    }
    return events;
  }

  return {
    read() {
      const reading = last.then(readOn);
      last = reading.catch(() => undefined);
      return reading;
    },
  };
}

interface Stored {
  subject: string;
  seq: number;
  time: string;
  /** Both in base64. */
  hdrs?: string;
  data?: string;
}

/** Undefined: it was dropped from the log. */
async function readAt(
  broker: Nats,
  stream: string,
  seq: number,
): Promise<LoggedEvent | undefined> {
  const answer = await broker.request(`$JS.API.STREAM.MSG.GET.${stream}`, {
    seq,
  });
  const message = answer["message"] as Stored | undefined;
  const error = answer["error"] as { code?: number } | undefined;
  if (error?.code === 404) return undefined;
  if (message === undefined)
    throw new Error(`${seq}: ${JSON.stringify(answer["error"])}`);
  const headers = Buffer.from(message.hdrs ?? "", "base64").toString();
  const header = (name: string) => headerOf(headers, name);
  const [, , word = "", ...owner] = message.subject.split(".");
  const body = Buffer.from(message.data ?? "", "base64").toString();
  return {
    seq: message.seq,
    time: Date.parse(message.time),
    word,
    queue: ["infer", ...owner].join("="),
    type: header("ce-type"),
    messageId: header("Nats-Msg-Id"),
    taskId: header("ce-subject"),
    data: JSON.parse(body) as Record<string, unknown>,
  };
}
