/** The durable consumers of the webhooks service: outcomes of EVENTS, and deliveries of WEBHOOKS. All instances share them. */
import { outcomeWords, type Names } from "@jetscribe/schema";
import {
  AckPolicy,
  DeliverPolicy,
  type ConsumerConfig,
} from "@nats-io/jetstream";
import { nanos } from "@nats-io/nats-core";
import type { Broker } from "../broker/connection.ts";
import { isFrom210 } from "../broker/serverVersion.ts";
import { orMissing, streamState } from "../broker/streamState.ts";
import { refuseDifference } from "../streams/topology.ts";

/** Their name, in each of the two streams. */
export const webhooksConsumer = ({ durableName }: Names): string =>
  durableName("webhooks");

export type WebhookSource = "events" | "webhooks";

/** One that waits for its time or for room is a message that nobody acknowledged: those of one owner must not stop all others. */
const max_ack_pending = -1;

const anyQueue = { model: "*", lane: "*", owner: "*" };

/** A server before 2.10 has one filter only: it sends the headers of every event. */
function outcomesOf({
  subjects,
  serverVersion,
}: Pick<Broker, "serverVersion"> & Pick<Names, "subjects">) {
  return isFrom210(serverVersion)
    ? {
        filter_subjects: outcomeWords.map((word) =>
          subjects.event(word, anyQueue),
        ),
      }
    : { filter_subject: subjects.allEvents };
}

const ownConfig = (
  broker: Broker,
  source: WebhookSource,
): Partial<ConsumerConfig> =>
  source === "events"
    ? {
        ...outcomesOf(broker),
        headers_only: true,
      }
    : {
        filter_subject: broker.subjects.webhookDelivery("*", "*"),
      };

/**
 * Makes the durable consumer where it is missing, at the beginning of its stream: an outcome that was stored before the
 * first webhooks service came up is delivered too. One that is there gets these limits. Rejects where the broker says no.
 */
export async function ensureWebhookConsumer(
  broker: Broker,
  source: WebhookSource,
  { ackWaitMs }: { ackWaitMs: number },
): Promise<void> {
  const { jsm } = broker;
  const name = webhooksConsumer(broker);
  const stream = broker.streams[source];
  const ack_wait = nanos(ackWaitMs);
  const find = () => orMissing(jsm.consumers.info(stream, name));
  const found = await find();
  const limits = { ack_wait, max_ack_pending };
  const { config: has } = found ?? {};
  if (has?.ack_wait === ack_wait && has.max_ack_pending === max_ack_pending)
    return;
  if (found !== undefined)
    return void (await jsm.consumers.update(stream, name, limits));
  const wanted: Partial<ConsumerConfig> = {
    ...ownConfig(broker, source),
    ...{ durable_name: name, deliver_policy: DeliverPolicy.All },
    ...{ ack_policy: AckPolicy.Explicit, ...limits, max_deliver: -1 },
  };
  try {
    const { config } = await jsm.consumers.add(stream, wanted);
    refuseDifference(`consumer ${name} of ${stream}`, wanted, config);
  } catch (error) {
    // Another instance was first.
    if ((await find()) === undefined) throw error;
  }
}

/**
 * Up to which sequence of EVENTS every outcome was delivered or stored in WEBHOOKS, and whether that is all that the log
 * had at the call. Rejects where the broker can't be asked.
 */
export async function readByWebhooks(
  broker: Broker,
): Promise<{ seq: number; caught_up: boolean }> {
  const { events } = broker.streams;
  // Read first: the consumer's answer, which comes later, then covers it, but for what the broker stored a moment ago: it
  // counts that behind its PubAck.
  const { lastSeq } = await streamState(broker, events);
  const info = await broker.jsm.consumers.info(
    events,
    webhooksConsumer(broker),
  );
  const floor = info.ack_floor.stream_seq;
  const isIdle = info.num_pending === 0 && info.num_ack_pending === 0;
  const caught_up = isIdle || floor >= lastSeq;
  return { seq: caught_up ? lastSeq : floor, caught_up };
}
