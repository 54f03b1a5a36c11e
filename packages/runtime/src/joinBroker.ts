/** What every service does with the broker: its settings, the connection, the topology, its own log records. */
import {
  makeBrokerClock,
  type BrokerClock,
} from "@jetscribe/event-log/broker/brokerClock";
import {
  connectBroker,
  isNamespace,
  type Broker,
} from "@jetscribe/event-log/broker/connection";
import type { ServiceRole } from "@jetscribe/event-log/accounts/roles";
import { leaveDeafNode } from "@jetscribe/event-log/broker/leaveDeafNode";
import { sendLogRecord } from "@jetscribe/event-log/signals/signals";
import {
  ensureTopology,
  StreamMissingError,
  TopologyError,
  type TopologySettings,
} from "@jetscribe/event-log/streams/topology";
import type { StreamDifference } from "@jetscribe/event-log/streams/streamDifferences";
import { setTimeout as sleep } from "node:timers/promises";
import * as z from "zod";
import { count, duration, size } from "./config.ts";
import { brokerOf, CredentialSettings } from "./credentials.ts";
import { natsUrl } from "./serverUrl.ts";
import type { ServiceContext } from "./lifecycle.ts";

/** The part of every service's settings that says where the log is and what it keeps. */
export const BrokerSettings = CredentialSettings.extend({
  NATS_URL: natsUrl("nats://127.0.0.1:4222"),
  /** Stands before the names of streams, subjects and consumers, for systems that share a NATS account. */
  NAMESPACE: z
    .string()
    .refine(
      isNamespace,
      "expected 1 to 64 letters, digits, - or _, the first no digit",
    )
    .optional(),
  EVENTS_MAX_AGE: duration("30d"),
  EVENTS_MAX_BYTES: size("10GiB"),
  /** Of the records of who opened a text. */
  AUDIT_MAX_AGE: duration("365d"),
  AUDIT_MAX_BYTES: size("256MB"),
  TASK_TIMEOUT: duration("300s"),
  /** Of each stream and work queue in a cluster: an even number survives no more losses than the one below it. */
  REPLICAS: count(1, { min: 1, max: 5 }).refine(
    (copies) => copies % 2 === 1,
    "must be 1, 3 or 5",
  ),
});
export type BrokerSettings = z.infer<typeof BrokerSettings>;

const retryMs = 1_000;

/**
 * Connects, waiting as long as it takes, and looks after the streams, now and after every reconnect: one that is missing
 * is made, one that is there is never changed. A stream that the service can't work with ends it. A service with a user of
 * its own makes no stream: it waits until the operator has made it.
 */
export async function joinBroker(
  service: ServiceRole,
  settings: BrokerSettings,
  context: Omit<ServiceContext, "env">,
): Promise<Broker> {
  const { stack, stopping, log } = context;
  /** Why there is no connection; not worth a word while the broker may just be starting. */
  const early = new Set<string>();
  let patient = true;
  const warn = (reason: string) =>
    log.warn(
      { reason, setting: "NATS_URL" },
      "the broker can't be reached yet",
    );
  const waiting = setTimeout(() => {
    patient = false;
    if (early.size === 0) log.warn("the broker can't be reached yet");
    else warn([...early].join("; "));
  }, retryMs);
  stack.defer(() => clearTimeout(waiting));
  const broker = stack.use(
    await connectBroker({
      ...brokerOf(settings, service),
      ...{ name: service, signal: stopping },
      onRefused: (reason) => (patient ? early.add(reason) : warn(reason)),
      onForbidden: (forbidden) =>
        log.error(
          { ...forbidden },
          "the broker forbids what this service does: its allow-list is not that of this version",
        ),
    }),
  );
  clearTimeout(waiting);
  patient = false;
  context.attachLog((line) => sendLogRecord(broker, service, line));
  // Taken back before the connection is closed: its end is no loss then.
  stack.defer(broker.onDisconnect(() => log.warn("the broker is gone")));
  broker.onReconnect(() => {
    log.info("the broker is back");
    keep().catch(context.fail);
  });

  /** The differences that were spoken of last; they are not said again at each reconnect. */
  let warned = "";
  function warnOf(differences: StreamDifference[]): void {
    const now = JSON.stringify(differences);
    if (now !== warned)
      for (const difference of differences)
        log.warn(
          { ...difference, command: "npm run streams -- plan" },
          "a stream stands otherwise than the settings say: it stays as it is",
        );
    warned = now;
  }

  let connections = 0;
  /** Since the streams were last in order, each said once. */
  const complaints = new Set<string>();
  let create = broker.role === undefined;

  function complain(error: unknown): void {
    const { stream } = error instanceof StreamMissingError ? error : {};
    // Asked again, the broker would forbid it again.
    if (stream !== undefined) create = false;
    const [facts, complaint] =
      stream === undefined
        ? [{ err: error }, "the streams can't be looked at yet"]
        : [
            { stream, command: "npm run streams -- apply" },
            "a stream is missing: it is waited for until the operator has made it",
          ];
    if (complaints.has(complaint)) return;
    complaints.add(complaint);
    log.warn(facts, complaint);
  }

  /** While JetStream comes up, and wherever the broker goes away again, it is asked once more. */
  async function keep(): Promise<void> {
    const connection = (connections += 1);
    while (!stopping.aborted) {
      try {
        const wanted = topologyOf(settings);
        warnOf(await ensureTopology(broker, wanted, { create }));
        complaints.clear();
        return;
      } catch (error) {
        if (error instanceof TopologyError) throw error;
        // The reconnect asks again.
        if (!broker.connected || connection !== connections) return;
        complain(error);
        await sleep(retryMs, undefined, { signal: stopping }).catch(
          () => undefined,
        );
      }
    }
  }
  await keep();
  if (settings.REPLICAS > 1)
    stack.use(
      leaveDeafNode(broker, () =>
        log.warn("the broker's node does not answer: going to another one"),
      ),
    );
  log.info({ nats_version: broker.serverVersion }, "joined the broker");
  return broker;
}

/** The part of the settings that the streams are made by. */
export const topologyOf = (settings: BrokerSettings): TopologySettings => ({
  eventsMaxBytes: settings.EVENTS_MAX_BYTES,
  taskTimeoutMs: settings.TASK_TIMEOUT,
  auditMaxAgeMs: settings.AUDIT_MAX_AGE,
  auditMaxBytes: settings.AUDIT_MAX_BYTES,
  replicas: settings.REPLICAS,
});

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
