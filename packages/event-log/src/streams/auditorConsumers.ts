/** The auditor's durable consumers: the operator makes them, and the auditor can't. */
import { AckPolicy, DeliverPolicy } from "@nats-io/jetstream";
import { auditedStreams, auditorDurable } from "../accounts/auditor.ts";
import type { Broker } from "../broker/connection.ts";
import { orMissing } from "../broker/streamState.ts";

/** Makes those that are missing, from the beginning of each stream. One that is there keeps its place. */
export async function ensureAuditorConsumers(broker: Broker): Promise<void> {
  const durable_name = auditorDurable(broker);
  const { consumers } = broker.jsm;
  for (const stream of auditedStreams(broker))
    if ((await orMissing(consumers.info(stream, durable_name))) === undefined)
      await consumers.add(stream, {
        ...{ durable_name, ack_policy: AckPolicy.Explicit },
        deliver_policy: DeliverPolicy.All,
      });
}
