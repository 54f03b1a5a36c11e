/** Who reads a view. Each frame is encoded once for all of them, and kept for readers that come back. */
import { inOneLine } from "../stream/inOneLine.ts";

export interface Frame {
  event: "snapshot" | "events" | "delta";
  data: { seq: number };
}

/** One connection, as HTTP has it. */
export interface Connection {
  write(text: string): void;
  /** Bytes that were written and that the other side has not taken. */
  buffered(): number;
  /** Ends it: its reader takes nothing. */
  drop(): void;
}

export interface Reader extends Disposable {
  /** The connection's buffer is empty again. */
  drained(): void;
}

/** A reader that has not taken so many bytes gets no more frames; when it has, it gets a snapshot. */
const maxBuffered = 2 ** 18;
/** A reader that takes nothing for so long is dropped. */
const dropAfterMs = 30_000;
/** So many bytes of the latest frames are kept for readers that come back. */
const maxKept = 2 ** 18;

const encode = ({ event, data }: Frame): string =>
  `id: ${data.seq}\nevent: ${event}\ndata: ${inOneLine(data)}\n\n`;

/** `snapshot`: what the view says now. */
export function makeReaders(snapshot: () => Frame) {
  const all = new Set<{ connection: Connection; dropping?: NodeJS.Timeout }>();
  const kept: { seq: number; before: number; text: string }[] = [];
  let keptBytes = 0;
  /** The id of the last frame that all have. */
  let told: number | undefined;
  /** Of the state that the last frame led to. */
  let encoded: string | undefined;

  const snapshotText = () => (encoded ??= encode(snapshot()));

  function keep(text: string, seq: number, before: number): void {
    kept.push({ seq, before, text });
    keptBytes += text.length;
    while (keptBytes > maxKept && kept.length > 1)
      keptBytes -= kept.shift()?.text.length ?? 0;
  }

  function send(text: string): void {
    for (const reader of all) {
      if (reader.dropping !== undefined) continue;
      reader.connection.write(text);
      if (reader.connection.buffered() <= maxBuffered) continue;
      const drop = () => reader.connection.drop();
      reader.dropping = setTimeout(drop, dropAfterMs);
    }
  }

  /** The frames behind an id; undefined: they are not there any more. */
  function behind(id: string): string | undefined {
    const at = kept.findIndex(({ before }) => `${before}` === id);
    if (at < 0) return `${told}` === id ? ": nothing new\n\n" : undefined;
    return kept
      .slice(at)
      .map(({ text }) => text)
      .join("");
  }

  return {
    count: () => all.size,
    /** Tells all readers. */
    tell(frame: Frame): void {
      const { seq } = frame.data;
      const text = encode(frame);
      encoded = undefined;
      if (frame.event === "snapshot") {
        kept.length = 0;
        keptBytes = 0;
      } else if (told !== undefined) keep(text, seq, told);
      told = seq;
      send(text);
    },
    /** `lastEventId`: of a reader that comes back. */
    add(connection: Connection, lastEventId: string | undefined): Reader {
      const reader: { connection: Connection; dropping?: NodeJS.Timeout } = {
        connection,
      };
      told ??= snapshot().data.seq;
      const missed =
        lastEventId === undefined ? undefined : behind(lastEventId);
      connection.write(missed ?? snapshotText());
      all.add(reader);
      return {
        drained() {
          if (reader.dropping === undefined) return;
          clearTimeout(reader.dropping);
          delete reader.dropping;
          connection.write(snapshotText());
        },
        [Symbol.dispose]() {
          clearTimeout(reader.dropping);
          all.delete(reader);
        },
      };
    },
  };
}
