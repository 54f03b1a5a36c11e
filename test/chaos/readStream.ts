/** A reader of `GET /stream` as a browser is one: it comes back with the last id whenever the connection breaks. */
import { createParser, type EventSourceMessage } from "eventsource-parser";
import { setTimeout as sleep } from "node:timers/promises";
import type { Fleet } from "./fleet.ts";
import type { Random } from "@jetscribe/testing";

export interface StreamSeen {
  /** The pieces, joined; a reset empties it. */
  text: string;
  resets: number;
  connections: number;
  /** The last event and its data, if it came. */
  end: { event: string; data: Record<string, unknown> } | undefined;
  /** When the reader came, and when it had enough, in ms since the epoch. */
  from: number;
  left: number;
  /** An answer that it should never get. */
  refused: number | undefined;
}

const patienceMs = 45_000;
/** Where nothing is done to the system: longer than any task takes. */
const calmPatienceMs = 25_000;
const ends = new Set(["completed", "failed", "cancelled"]);

/** Reads until the end of the stream; some readers hang up on the way. */
export async function readStream(
  at: Pick<Fleet, "url" | "key">,
  taskId: string,
  random: Random,
  calm = false,
): Promise<StreamSeen> {
  const seen: StreamSeen = {
    ...{ text: "", resets: 0, connections: 0 },
    ...{ end: undefined, refused: undefined, left: 0, from: Date.now() },
  };
  let lastId = "";
  const mostMs = calm ? calmPatienceMs : patienceMs;
  const until = performance.now() + mostMs;
  const hangUpAfter = random.chance(0.3) ? random.int(1, 20) : Infinity;

  function take(message: EventSourceMessage): void {
    const { event = "message", id = lastId } = message;
    const data = JSON.parse(message.data) as Record<string, unknown>;
    lastId = id;
    if (event === "token") seen.text += String(data["text"]);
    if (event === "reset") {
      seen.resets++;
      seen.text = "";
    }
    if (ends.has(event)) seen.end = { event, data };
  }

  async function connect(): Promise<void> {
    const stop = new AbortController();
    const response = await fetch(`${at.url}/stream/${taskId}`, {
      headers: {
        "x-api-key": at.key,
        ...(lastId !== "" && { "last-event-id": lastId }),
      },
      signal: AbortSignal.any([stop.signal, AbortSignal.timeout(mostMs)]),
    });
    if (!response.ok) {
      if (response.status < 500) seen.refused = response.status;
      await response.body?.cancel();
      return;
    }
    seen.connections++;
    let events = 0;
    const parser = createParser({
      onEvent(message) {
        events++;
        take(message);
      },
    });
    const decoder = new TextDecoder();
    for await (const chunk of response.body ?? []) {
      parser.feed(decoder.decode(chunk as Uint8Array, { stream: true }));
      const leaves = seen.connections === 1 && events >= hangUpAfter;
      if (leaves || seen.end !== undefined) return stop.abort();
    }
  }

  while (
    seen.end === undefined &&
    seen.refused === undefined &&
    performance.now() < until
  ) {
    await connect().catch(() => undefined);
    if (seen.end === undefined) await sleep(200);
  }
  seen.left = Date.now();
  return seen;
}
