/** Events as the index is sent them: without their bodies. */
import { encodeEvent } from "@jetscribe/event-log/codec/codec";
import type { Delivery } from "@jetscribe/event-log/read/pull";
import {
  makeNames,
  queueOf,
  type Queue,
  type TaskEvent,
} from "@jetscribe/schema";

const names = makeNames();

/** As the settings have it. */
export const kept = {
  shortStepsMs: 3_600_000,
  minutesMs: 7 * 86_400_000,
  ownerMinutesMs: 86_400_000,
  ownerHoursMs: 90 * 86_400_000,
};

/** The delivery of an event that stands at a sequence; of a request the queue is its own. */
export function deliveryOf(
  event: TaskEvent,
  { seq, time = seq, queue }: { seq: number; time?: number; queue?: Queue },
): Delivery {
  const own = event.type === "GenerateRequested" ? event.data : undefined;
  const { headers, subject } = encodeEvent(
    event,
    queueOf(queue ?? own ?? { model: "demo", lane: "interactive", owner: "a" }),
    { names, source: "test", now: new Date(time * 1_000) },
  );
  const lines = (headers as unknown as { encode(): Buffer })
    .encode()
    .toString("latin1")
    .split("\r\n");
  const values = new Map(
    lines.map((line) => {
      const colon = line.indexOf(": ");
      return [line.slice(0, colon), line.slice(colon + 2)] as const;
    }),
  );
  const header = (name: string) => values.get(name) ?? "";
  return { seq, time, subject, header } as unknown as Delivery;
}
