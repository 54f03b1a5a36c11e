/** What the webhooks service counts. */
import { makeMetrics } from "@jetscribe/runtime/metrics";
import { DeliveryError } from "@jetscribe/schema";

export type WebhookMetrics = ReturnType<typeof makeWebhookMetrics>;
type Result = DeliveryError | "delivered";

export function makeWebhookMetrics(underWay: () => number = () => 0) {
  const metrics = makeMetrics();
  const attempts = metrics.counter<"result">({
    name: "jetscribe_webhook_attempts_total",
    help: "Attempts to deliver a webhook, by what came of them.",
    labels: ["result"],
  });
  for (const result of ["delivered", ...DeliveryError.options])
    if (result !== "busy") attempts.inc({ result }, 0);
  const counter = (name: string, help: string) =>
    metrics.counter({ name, help });
  const givenUp = counter(
    "jetscribe_webhooks_given_up_total",
    "Webhooks that are not tried again unless their owner asks for it.",
  );
  const dropped = counter(
    "jetscribe_webhooks_dropped_total",
    "Webhooks that were given up and of which nothing was kept: WEBHOOKS is nearly full, or has too many of their owner.",
  );
  const lost = counter(
    "jetscribe_webhooks_lost_total",
    "Webhooks whose request the log had dropped before they were looked at.",
  );
  metrics.gauge({
    name: "jetscribe_webhooks_under_way",
    help: "Deliveries under way.",
    collect() {
      this.set(underWay());
    },
  });
  return {
    text: metrics.text,
    attempted: (result: Result) => attempts.inc({ result }),
    givenUp: () => givenUp.inc(),
    dropped: () => dropped.inc(),
    lost: () => lost.inc(),
  };
}
