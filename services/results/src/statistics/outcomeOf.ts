/** What an outcome says of its task: in its headers, or in its body as events of earlier versions. */
import { decodeEvent } from "@jetscribe/event-log/codec/codec";
import { errorTypeOf, metricsOf } from "@jetscribe/event-log/codec/attributes";
import type { Delivery } from "@jetscribe/event-log/read/pull";
import { kinds, parseEventSubject } from "@jetscribe/schema";
import type { Change } from "./bucket.ts";

type Message = Pick<Delivery, "subject" | "seq" | "time" | "header" | "data">;

export function outcomeOf(message: Message): Pick<Change, "metrics" | "error"> {
  const metrics = metricsOf(message);
  if (metrics !== undefined) return { metrics, error: errorTypeOf(message) };
  const decoded = hasBody(message) ? decodeEvent(message) : { garbage: "" };
  if ("garbage" in decoded || !("metrics" in decoded.event.data)) return {};
  const { data } = decoded.event;
  return {
    metrics: data.metrics,
    error: "error" in data ? data.error.type : undefined,
  };
}

/** Whether the metrics of an outcome are in its body, which was not sent. */
export function lacksMetrics(message: Message): boolean {
  const type = parseEventSubject(message.subject)?.type;
  return (
    type !== undefined &&
    kinds[type].outcome &&
    !hasBody(message) &&
    metricsOf(message) === undefined
  );
}

const hasBody = ({ data }: Partial<Pick<Message, "data">>): boolean =>
  data !== undefined && data.length > 0;
