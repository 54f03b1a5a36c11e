import {
  makeBrokerClock,
  type BrokerClock,
} from "@jetscribe/event-log/broker/brokerClock";
import type { Broker } from "@jetscribe/event-log/broker/connection";
import type { ServiceContext } from "./lifecycle.ts";

/** The broker's time for a service, which reports where its machine's clock or sleep has put it wrong. */
export async function joinClock(
  service: string,
  broker: Broker,
  { stack, log }: Pick<ServiceContext, "stack" | "log">,
): Promise<BrokerClock> {
  const onCorrected = (by_ms: number) =>
    log.warn({ by_ms }, "the time was corrected to the broker's");
  return stack.use(await makeBrokerClock(broker, service, { onCorrected }));
}
