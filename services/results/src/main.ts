import { makeAppender } from "@jetscribe/event-log/append/append";
import { makeTaskStates } from "@jetscribe/event-log/state/taskStates";
import { hearAllWorkers } from "@jetscribe/event-log/signals/workersHeard";
import {
  joinBroker,
  joinClock,
  readConfig,
  runService,
} from "@jetscribe/runtime";
import {
  assertKeepsTasks,
  connectStore,
  EvictingRedis,
  makeTaskReader,
  makeTaskWriter,
} from "@jetscribe/task-store";
import { join } from "node:path";
import { announce, announceTrouble } from "./announce.ts";
import { Config } from "./config.ts";
import { endOverdue } from "./overdue/endOverdue.ts";
import { endStranded } from "./retention/endStranded.ts";
import { listen } from "./retention/listening.ts";
import { noteProjections } from "./projection/noteProjections.ts";
import { makeProjection } from "./projection/projection.ts";
import { whileLeading } from "./projection/whileLeading.ts";
import { keepQueues } from "./queues/keepQueues.ts";
import { makeTaskIndex } from "./index/taskIndex.ts";
import { removeIdleQueues } from "./queues/removeIdleQueues.ts";
import { makeLogTrim } from "./retention/trimLog.ts";
import { warnOfUnprefixed } from "./unprefixed/warnOfUnprefixed.ts";

await runService(
  "results",
  async (service) => {
    const { env, stack, stopping, log, fail } = service;
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
    const reader = makeTaskReader(reading);
    const longestWaitMs = Math.floor(config.EVENTS_MAX_AGE / 2);
    const now = clock.nowMs;
    const writer = makeTaskWriter(store, { resultTtlMs, longestWaitMs, now });
    const appender = stack.use(makeAppender(broker, "results", now));
    const workers = stack.use(hearAllWorkers(broker));
    const listening = stack.use(listen(broker));

    const dir = join(config.DATA_DIR, "index");
    const index = makeTaskIndex(broker, { dir, log });
    const stores = { reader, writer };
    const projection = makeProjection(broker, stores, log, index.feed);
    const { look } = reader;
    const { reaches } = projection;
    const states = makeTaskStates(broker, { look, reaches });
    const deps = { broker, clock, appender, reader, projection, workers, log };
    const maxAgeMs = config.EVENTS_MAX_AGE;
    const trim = makeLogTrim({ ...deps, listening, maxAgeMs });
    const jobs = [
      trim.job,
      endStranded({ ...deps, states, listening, trim }),
      keepQueues({ ...deps, ackWaitMs }),
      removeIdleQueues(deps),
      endOverdue({ ...deps, states }),
    ];
    stack.use(announce(broker, projection.role, trim));
    stack.use(noteProjections(broker, writer, clock, projection.role));
    const work = Promise.all([
      index.run(stopping),
      projection.run(stopping),
      ...jobs.map((job) => whileLeading(deps, job, stopping)),
    ]).catch(fail);
    stack.defer(() => work.then(() => undefined));
  },
  { env: process.env, hasTime: true },
);
