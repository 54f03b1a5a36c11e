/** What the tests share: a broker with the streams on it, a client's own look at it, and events. */
import {
  newTaskId,
  type Queue,
  type TaskEvent,
  type TaskState,
} from "@jetscribe/schema";
import { queue, requested } from "@jetscribe/schema/test/taskEventsTestKit";
import {
  startNats,
  type NatsOptions,
  type NatsVersion,
  type TestServer,
} from "@jetscribe/testing";
import { makeAppender, type Appender } from "../src/append/append.ts";
import { connectBroker, type Broker } from "../src/broker/connection.ts";
import { orAborted } from "../src/broker/orAborted.ts";
import { readHighWaterMark } from "../src/state/highWaterMark.ts";
import { searchLog, type OwnedTask } from "../src/state/searchLog.ts";
import {
  ensureTopology,
  type TopologySettings,
} from "../src/streams/topology.ts";
import { makeTokenLog, type TokenLog } from "../src/tokens/tokens.ts";

export const settings: TopologySettings = {
  eventsMaxBytes: 2 ** 30,
  taskTimeoutMs: 300_000,
  ...{ auditMaxAgeMs: 3_600_000, auditMaxBytes: 2 ** 24 },
  replicas: 1,
};

export {
  cancelled,
  completed,
  queue,
  started,
} from "@jetscribe/schema/test/taskEventsTestKit";

export const requestedBy = (
  of: Queue,
  { task_id = newTaskId(), prompt = "a prompt" } = {},
) => requested(task_id, { ...of, prompt });

/** The state of a task, from the log as it is now; without a projection, as a gateway asks. */
export const findInLog = async (
  broker: Broker,
  wanted: OwnedTask,
  timeoutMs = 60_000,
): Promise<TaskState | undefined> => {
  const signal = AbortSignal.timeout(timeoutMs);
  const end = await orAborted(readHighWaterMark(broker), signal);
  return await searchLog(broker, wanted, end, signal);
};

export interface Log extends AsyncDisposable {
  nats: TestServer;
  broker: Broker;
  appender: Appender;
  /** One more connection; closed with the log. */
  connect: (namespace?: string) => Promise<Broker>;
  /** So many requests in a queue, in order. Returns the ids of their tasks. */
  request: (count: number, of?: Queue) => Promise<string[]>;
  append: (event: TaskEvent, of?: Queue) => Promise<number>;
}

/** The same broker to a reader that makes consumers, and to one that asks for each message, as the auditor does. */
export const waysOfReading = {
  "by a consumer": (broker: Broker): Broker => broker,
  "message by message": (broker: Broker): Broker =>
    Object.create(broker, { role: { value: "auditor" } }) as Broker,
};

/** Many events at once, or a large one, may take a busy machine longer than one may. */
const within = { timeoutMs: 60_000 };

/** TOKENS, for tests that count on each answer. */
export const openTokenLog = (broker: Broker): TokenLog =>
  makeTokenLog(broker, { putTimeoutMs: within.timeoutMs });

/** A broker of the test's own, with the streams on it. */
export async function openLog(
  version: NatsVersion = "default",
  topology: Partial<TopologySettings> = {},
  server: Pick<NatsOptions, "maxPayload"> = {},
): Promise<Log> {
  await using opened = new AsyncDisposableStack();
  const nats = opened.use(await startNats({ version, ...server }));
  const broker = opened.use(
    await connectBroker({ url: nats.url, name: "test" }),
  );
  await ensureTopology(broker, { ...settings, ...topology });
  const appender = opened.use(makeAppender(broker, "gateway"));
  const all = opened.move();
  return {
    nats,
    broker,
    appender,
    connect: async (namespace) =>
      all.use(
        await connectBroker({ url: nats.url, name: "another", namespace }),
      ),
    async request(count, of = queue) {
      const events = Array.from({ length: count }, () => requestedBy(of));
      await Promise.all(
        events.map((event) => appender.append(event, of, within)),
      );
      return events.map(({ data }) => data.task_id);
    },
    append: async (event, of = queue) =>
      (await appender.append(event, of, within)).seq,
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

/**
 * Does nothing for so long, as on a machine that is busy elsewhere: nothing is read, and then timers are due before
 * anything is. `first` is done at its beginning.
 */
export async function standStill(
  ms: number,
  first: () => unknown = () => undefined,
): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  setImmediate(() => {
    first();
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
    resolve();
  });
  await promise;
}
