import { makeAppender } from "@jetscribe/event-log/append/append";
import { makeTaskStates } from "@jetscribe/event-log/state/taskStates";
import { hearAllWorkers } from "@jetscribe/event-log/signals/workersHeard";
import { serveTaskMetrics } from "@jetscribe/event-log/signals/taskMetrics";
import { makeMetrics } from "@jetscribe/runtime/metrics";
import {
  joinBroker,
  joinClock,
  joinMicro,
  makeTraceparentOf,
  makeTraceProjection,
  readConfig,
  runService,
} from "@jetscribe/runtime";
import { makeDiskRoom } from "@jetscribe/runtime/diskRoom";
import {
  assertKeepsTasks,
  connectStore,
  EvictingRedis,
  makeTaskReader,
  makeTaskWriter,
} from "@jetscribe/task-store";
import { join } from "node:path";
import { announce, announceTrouble } from "./announce.ts";
import { Config, keptOf } from "./config.ts";
import { endOverdue } from "./overdue/endOverdue.ts";
import { endStranded } from "./retention/endStranded.ts";
import { listen } from "./retention/listening.ts";
import { makeTaskMetrics } from "./metrics/taskMetrics.ts";
import { noteProjections } from "./projection/noteProjections.ts";
import { makeProjection } from "./projection/projection.ts";
import { whileLeading } from "./projection/whileLeading.ts";
import { keepQueues } from "./queues/keepQueues.ts";
import { makeTaskIndex } from "./index/taskIndex.ts";
import { removeIdleQueues } from "./queues/removeIdleQueues.ts";
import { wakeScheduled } from "./queues/wakeScheduled.ts";
import { makeLogTrim } from "./retention/trimLog.ts";
import { warnOfUnprefixed } from "./unprefixed/warnOfUnprefixed.ts";

await runService(
  "results",
  async (service) => {
    const { env, stack, stopping, log, fail, tracing } = service;
    const config = readConfig(Config, env);
    const { ACK_WAIT: ackWaitMs, RESULT_TTL: resultTtlMs } = config;

    const broker = await joinBroker("results", config, service);
    const clock = await joinClock("results", broker, service);
    const redis = { url: config.REDIS_URL, prefix: config.REDIS_PREFIX };
    const store = stack.use(connectStore({ ...redis, name: "results", log }));
    store.onReady(() => {
      assertKeepsTasks(store).catch((error: unknown) => {
        if (!(error instanceof EvictingRedis)) return;
        announceTrouble(broker, error.message);
        fail(error);
      });
    });
    // What the writer watches on its connection would be let go by any reader's EXEC on it.
    const reading = stack.use(
      connectStore({ ...redis, name: "results-reading", log }),
    );
    warnOfUnprefixed(reading, log);
    const now = clock.nowMs;
    const reader = makeTaskReader(reading, now);
    const longestWaitMs = Math.floor(config.EVENTS_MAX_AGE / 2);
    const writer = makeTaskWriter(store, { resultTtlMs, longestWaitMs, now });
    const appender = stack.use(makeAppender(broker, "results", now));
    const workers = stack.use(hearAllWorkers(broker));
    const listening = stack.use(listen(broker));

    const dir = join(config.DATA_DIR, "index");
    const index = makeTaskIndex(broker, { dir, kept: keptOf(config), log });
    const stores = { reader, writer };
    const traces =
      tracing &&
      makeTraceProjection(tracing, {
        ...{ service: "results", stream: broker.streams.events },
        nowS: clock.nowS,
      });
    const metrics = makeMetrics();
    const projection = makeProjection(broker, stores, log, {
      onRead: index.feed,
      onNews: makeTaskMetrics(metrics).note,
      traces,
    });
    const leads = () => projection.role().leading;
    const readMetrics = () => (leads() ? metrics.text() : undefined);
    stack.use(serveTaskMetrics(broker, readMetrics));
    const traceparentOf = makeTraceparentOf(tracing);
    const { look } = reader;
    const { reaches } = projection;
    const states = makeTaskStates(broker, { look, reaches });
    const made = { broker, clock, appender, reader, projection, workers, log };
    const deps = { ...made, traceparentOf };
    const maxAgeMs = config.EVENTS_MAX_AGE;
    const trim = makeLogTrim({ ...deps, listening, maxAgeMs });
    const jobs = [
      trim.job,
      endStranded({ ...deps, states, listening, trim }),
      keepQueues({ ...deps, ackWaitMs }),
      removeIdleQueues(deps),
      wakeScheduled(deps),
      endOverdue({ ...deps, states }),
    ];
    const disk = makeDiskRoom(config.DATA_DIR);
    stack.use(announce(broker, projection.role, trim, disk));
    stack.use(noteProjections(broker, writer, clock, projection.role));
    const work = Promise.all([
      index.run(stopping),
      projection.run(stopping),
      ...jobs.map((job) => whileLeading(deps, job, stopping)),
    ]).catch(fail);
    stack.defer(() => work.then(() => undefined));
    joinMicro("results", broker, service, {
      description: "projects the log into Redis and the task index",
    });
  },
  { env: process.env, hasTime: true },
);
