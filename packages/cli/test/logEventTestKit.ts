/** An event of the log with any body, as a reader gives it. */
import type { LogEvent } from "@jetscribe/event-log/read/replayLog";
import type { EventType } from "@jetscribe/schema";

export const logEvent = (type: EventType, body: string): LogEvent => ({
  type,
  queue: { model: "demo", lane: "batch", owner: "a" },
  message: {
    ...{ subject: "", seq: 7, time: 1.5, data: Buffer.from(body), reply: "" },
    ...{ consumer: "", deliveryCount: 1, consumerSeq: 1, pending: 0 },
    ...{ storedBytes: 0, header: () => "" },
  },
});
