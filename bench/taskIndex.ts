/** What the task index costs, and how quick a look-up by it is, beside the search that it saves. */
import { makeAppender } from "@jetscribe/event-log/append/append";
import {
  connectBroker,
  type Broker,
} from "@jetscribe/event-log/broker/connection";
import type { Delivery } from "@jetscribe/event-log/read/pull";
import { followStream } from "@jetscribe/event-log/read/readLog";
import { streamState } from "@jetscribe/event-log/broker/streamState";
import { askTaskIndex } from "@jetscribe/event-log/read/taskIndex";
import {
  completed,
  findInLog,
  queue,
  requestedBy,
  settings,
} from "@jetscribe/event-log/test/eventLogTestKit";
import { ensureTopology } from "@jetscribe/event-log/streams/topology";
import { newTaskId, streams } from "@jetscribe/schema";
import { startNats } from "@jetscribe/testing";
import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { makeTaskIndex } from "../services/results/src/index/taskIndex.ts";
import { kept } from "../services/results/test/indexTestKit.ts";
import { fillLog } from "./fillLog.ts";
import { percentiles, round, type Figures, type Options } from "./figures.ts";
import { usageOf } from "./processes.ts";

/** Times the number of tasks; each has three events. */
const MANY = 60;
const LOOK_UPS = 500;
/** As the projection does. */
const BEAT_MS = 250;
const GATHER_MS = 20;
/** A search is given up then. */
const SEARCH_MS = 60_000;
const log = { info: () => undefined, warn: () => undefined };

export async function taskIndex({ tasks }: Options): Promise<Figures> {
  await using stack = new AsyncDisposableStack();
  const nats = stack.use(await startNats({ version: "newest" }));
  const broker = stack.use(
    await connectBroker({ url: nats.url, name: "bench" }),
  );
  const eventsMaxBytes = 20 * 2 ** 30;
  await ensureTopology(broker, { ...settings, eventsMaxBytes });
  using appender = makeAppender(broker, "bench");
  // One that runs for as long as all the others come and go: its search reads the whole log.
  const long = newTaskId();
  await appender.append(requestedBy(queue, { task_id: long }), queue);
  const fedDir = mkdtempSync(join(tmpdir(), "jetscribe-index-"));
  stack.defer(() => rmSync(fedDir, { recursive: true }));
  const { result: ids, cpuMs: fedMs } = await whileFeeding(
    broker,
    fedDir,
    async () => {
      const ids = await fillLog(appender, MANY * tasks);
      await appender.append(completed(long), queue);
      return ids;
    },
  );
  const searching = await timed(() =>
    find(broker, long).catch(() => undefined),
  );

  const dir = mkdtempSync(join(tmpdir(), "jetscribe-index-"));
  stack.defer(() => rmSync(dir, { recursive: true }));
  const server = () => usageOf({ nats: nats.pid }).nats.cpuMs;
  const [cpu, serverCpu, begin] = [
    process.cpuUsage(),
    server(),
    performance.now(),
  ];
  const stop = new AbortController();
  const done = makeTaskIndex(broker, { dir, kept, log }).run(stop.signal);
  stack.defer(() => (stop.abort(), done));
  await untilCaughtUp(broker);
  const wallMs = performance.now() - begin;
  const { user, system } = process.cpuUsage(cpu);
  const serverMs = server() - serverCpu;
  const perTask = (ms: number) => round((ms * 1_000) / ids.length);

  const times: number[] = [];
  for (let i = 0; i < LOOK_UPS; i++) {
    const id = ids[Math.floor((i / LOOK_UPS) * ids.length)] ?? long;
    times.push(await timed(() => find(broker, id)));
  }
  const indexed = await timed(() => find(broker, long));
  stop.abort();
  await done;
  const bytes = readdirSync(dir)
    .map((name) => statSync(join(dir, name)).size)
    .reduce((sum, size) => sum + size, 0);
  const of = `of ${(3 * ids.length).toLocaleString("en")} events`;
  return {
    [`task index ${of}, per task`]: {
      cpu_us: perTask((user + system) / 1_000),
      nats_cpu_us: perTask(serverMs),
      fed_cpu_us: perTask(fedMs),
      bytes: round(bytes / ids.length),
    },
    [`task index ${of}, built`]: {
      events_per_s: round((3 * ids.length) / (wallMs / 1_000)),
    },
    [`look-up ${of}`]: {
      ...percentiles(times),
      longest_task_ms: round(indexed),
      searched_ms: round(searching),
    },
  };
}

/** Keeps an index in the folder that is fed as by the projection, and gives the CPU that the feeding took. */
async function whileFeeding<T>(
  broker: Broker,
  dir: string,
  work: () => Promise<T>,
): Promise<{ result: T; cpuMs: number }> {
  const { created } = await streamState(broker, streams.events);
  const index = makeTaskIndex(broker, { dir, kept, log });
  let after = { created, seq: 0, id: "" };
  let cpuUs = 0;
  function onBatch(messages: Delivery[]) {
    const before = process.cpuUsage();
    index.feed(after, messages);
    const { user, system } = process.cpuUsage(before);
    cpuUs += user + system;
    const last = messages.at(-1);
    const id = last?.header("Nats-Msg-Id") ?? after.id;
    after = { created, seq: last?.seq ?? after.seq, id };
  }
  const stop = new AbortController();
  const running = index.run(stop.signal);
  const beating = setInterval(() => index.feed(after, []), BEAT_MS);
  const gather = { ms: GATHER_MS, until: () => false };
  const reading = followStream(
    broker,
    {
      stream: streams.events,
      gather,
      resume: () => Promise.resolve(after.seq + 1),
      onBatch,
    },
    stop.signal,
  );
  const result = await work();
  await untilCaughtUp(broker);
  stop.abort();
  clearInterval(beating);
  await Promise.all([running, reading]);
  return { result, cpuMs: cpuUs / 1_000 };
}

async function find(broker: Broker, task_id: string): Promise<void> {
  const wanted = { task_id, owner: queue.owner };
  const task = await findInLog(broker, wanted, SEARCH_MS);
  if (task?.status !== "completed") throw new Error(`${task_id} is not found`);
}

async function timed(once: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await once();
  return performance.now() - start;
}

/** Until it answers: it does so once it has read the log. */
async function untilCaughtUp(broker: Broker): Promise<void> {
  const end = await streamState(broker, streams.events);
  while ((await askTaskIndex(broker, newTaskId(), end)) === undefined)
    await sleep(50);
}
