/** The live feed of all stored events, whole: what was missed of it is told. */
import { parseStoredSubject } from "@jetscribe/schema";
import type { Msg } from "@nats-io/nats-core";
import { subscribe, type Broker } from "../broker/connection.ts";
import { headersOf } from "../codec/headers.ts";
import { headedEvent, type StoredEvent } from "../codec/storedEvent.ts";
import { storedTime } from "../codec/storedTime.ts";
import { hearProjections } from "./signals.ts";

/**
 * Hears every event that the log takes, in the log's order. The broker sends each once and repeats none, so a sequence
 * that was left out, or a connection that was away, is told as missed: from there on the listener has to look anew.
 */
export function hearAllStored(
  broker: Broker,
  onStored: (event: StoredEvent) => void,
  onMissed: () => void,
): Disposable {
  let last: number | undefined;
  /** What the projection had read when it was first heard, and at its last heartbeat. */
  let [floor, due] = [Infinity, 0];
  const hearing = new DisposableStack();
  const subscription = subscribe(broker, broker.subjects.allStored, (msg) => {
    const event = storedEventOf(msg);
    if (event === undefined) return;
    const missed = last !== undefined && event.seq !== last + 1;
    last = event.seq;
    if (missed) onMissed();
    onStored(event);
  });
  hearing.defer(() => subscription.unsubscribe());
  // Where the last events are missed, no later one tells: the projection has read them, and says so.
  hearing.use(
    hearProjections(broker, ({ name, leading, seq }) => {
      if (name !== "results" || !leading) return;
      floor = Math.min(floor, seq);
      const missed = (last ?? floor) < due;
      due = seq;
      if (!missed) return;
      last = undefined;
      floor = seq;
      onMissed();
    }),
  );
  hearing.defer(
    broker.onReconnect(() => {
      last = undefined;
      floor = Infinity;
      due = 0;
      onMissed();
    }),
  );
  return hearing;
}

/** Undefined where the message is not the broker's. */
function storedEventOf(msg: Msg): StoredEvent | undefined {
  const parsed = parseStoredSubject(msg.subject);
  const header = headersOf(msg);
  const seq = Number(header("Nats-Sequence"));
  if (parsed === undefined || !(seq > 0)) return undefined;
  const time = storedTime(header("Nats-Time-Stamp") || header("ce-time"));
  return headedEvent({ seq, time, header }, parsed);
}
