/** The broker that the environment names, for as long as a command runs. */
import {
  connectBroker,
  type Broker,
} from "@jetscribe/event-log/broker/connection";
import {
  hasNoJetStream,
  orMissing,
  streamState,
} from "@jetscribe/event-log/broker/streamState";
import {
  brokerOf,
  BrokerSettings,
  connectWithinMs,
  readConfig,
} from "@jetscribe/runtime";
import type { Context } from "./context.ts";
import { CliError, exitCodes } from "./exit.ts";
import { plain } from "./show/paint.ts";

const LogSettings = BrokerSettings.pick({
  ...{ NATS_URL: true, NAMESPACE: true },
  ...{ NATS_NKEY_FILE: true, NATS_CREDS_FILE: true },
});

/**
 * To read the log: as the operator, or as the auditor, who has an account without a JetStream of its own, and whose reading
 * is another one. Rejects with a CliError where the broker is not there within 10 s, or has no log for this user.
 */
export async function joinLog(context: Context): Promise<Broker> {
  try {
    return await joinAs("operator", context);
  } catch (error) {
    if (!(error instanceof NoLogError) || !hasNoJetStream(error.cause))
      throw error;
    return await joinAs("auditor", context);
  }
}

/** To read and to change. Rejects as {@link joinLog}; so does the auditor. */
export const joinAsOperator = (context: Context): Promise<Broker> =>
  joinAs("operator", context);

/** The user may not look at the log. */
class NoLogError extends CliError {}

async function joinAs(
  role: "operator" | "auditor",
  { env, signal }: Context,
): Promise<Broker> {
  const settings = readConfig(LogSettings, env);
  const reasons = new Set<string>();
  const broker = await connectBroker({
    ...brokerOf(settings, role),
    name: "jetscribe",
    signal: AbortSignal.any([signal, AbortSignal.timeout(connectWithinMs)]),
    onRefused: (reason) => reasons.add(reason),
  }).catch((cause: unknown) => {
    signal.throwIfAborted();
    const why = reasons.size > 0 ? ` (${[...reasons].join("; ")})` : "";
    throw unavailable(`the broker can't be reached${why}: see NATS_URL`, cause);
  });
  try {
    const { events } = broker.streams;
    if ((await orMissing(streamState(broker, events))) !== undefined)
      return broker;
    throw unavailable(
      `the broker has no log (no stream ${events}): does NAMESPACE say what the services' does?`,
    );
  } catch (error) {
    await broker[Symbol.asyncDispose]();
    if (error instanceof CliError) throw error;
    signal.throwIfAborted();
    throw new NoLogError(
      `the log can't be looked at (${plain((error as Error).message)}): on a broker with users, is the file the ${users[role]}?`,
      ...([exitCodes.failed, { cause: error }] as const),
    );
  }
}

/** Who may do what was tried when this role was. */
const users = {
  operator: "operator's",
  auditor: "operator's or the auditor's",
};

const unavailable = (message: string, cause?: unknown): CliError =>
  new CliError(message, exitCodes.unavailable, { cause });
