/** The streams at a system's start, by its operator: `npm start` and the containers do the same. */
import {
  connectBroker,
  type Broker,
} from "@jetscribe/event-log/broker/connection";
import { ensureAuditorConsumers } from "@jetscribe/event-log/streams/auditorConsumers";
import {
  applyStreams,
  planStreams,
  StreamsRefusedError,
  type StreamPlan,
} from "@jetscribe/event-log/streams/streamPlan";
import { readConfig, type Env } from "../config.ts";
import { brokerOf } from "../credentials.ts";
import { BrokerSettings, topologyOf } from "../joinBroker.ts";
import { describePlan, isEmpty } from "./describePlan.ts";

export interface EnsuredStreams {
  /** A plan in lines for each stream that was missing or stood otherwise. */
  plan: string[];
  /** Why a change was not made: the stream stays as it is. */
  refused: string[];
}

/**
 * Makes the streams that are missing, with the auditor's consumers, and changes those that stand otherwise than the
 * settings say. A change that is refused is an answer, since the services can go on. Rejects where a stream may be missing
 * still: with a StreamsRefusedError where the broker refused to make it, with another TopologyError where the broker can't
 * be used, with a ConfigError where the settings can't. `signal` ends the waiting for a connection.
 */
export async function ensureStreams(
  env: Env,
  signal: AbortSignal,
): Promise<EnsuredStreams> {
  const config = readConfig(BrokerSettings, env);
  await using broker = await connectAsOperator(config, signal);
  const settings = topologyOf(config);
  const plans = await planStreams(broker, settings);
  const changing = plans.filter((plan) => !isEmpty(plan));
  const refused = await applied(broker, settings, changing);
  await makeAuditorConsumers(broker);
  return { plan: changing.flatMap(describePlan), refused };
}

async function applied(
  broker: Broker,
  settings: ReturnType<typeof topologyOf>,
  changing: readonly StreamPlan[],
): Promise<string[]> {
  if (changing.length === 0) return [];
  try {
    await applyStreams(broker, settings);
    return [];
  } catch (error) {
    if (!(error instanceof StreamsRefusedError)) throw error;
    if (error.refusals.some(({ missing }) => missing)) throw error;
    return error.refusals.map(({ why }) => why);
  }
}

/** Rejects once the signal aborts. */
export const connectAsOperator = (
  config: BrokerSettings,
  signal: AbortSignal,
): Promise<Broker> =>
  connectBroker({
    ...brokerOf(config, "operator"),
    ...{ name: "streams", signal },
  }).catch((cause: unknown) => {
    throw new Error("the broker can't be reached: see NATS_URL", { cause });
  });

/** A broker without users has no auditor. */
export async function makeAuditorConsumers(broker: Broker): Promise<void> {
  if (broker.role !== undefined) await ensureAuditorConsumers(broker);
}
