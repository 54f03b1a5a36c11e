import { makeReadText } from "@jetscribe/event-log/tokens/textReader";
import { makeAppender } from "@jetscribe/event-log/append/append";
import { makeRecentlyStored } from "@jetscribe/event-log/state/recentlyStored";
import { makeTaskStates } from "@jetscribe/event-log/state/taskStates";
import {
  joinBroker,
  joinClock,
  readConfig,
  runService,
} from "@jetscribe/runtime";
import { connectStore, makeTaskReader } from "@jetscribe/task-store";
import { makeAcceptRequest } from "./accept/acceptRequest.ts";
import { makeAcceptOnce } from "./accept/acceptOnce.ts";
import { makeCancelTask } from "./cancel/cancelTask.ts";
import { Config } from "./config.ts";
import {
  hearAllDone,
  makeWatchStored,
  makeWatchTask,
} from "./read/watchTask.ts";
import { makeForecast } from "./forecast/forecast.ts";
import { makeLimits } from "./admission/limits.ts";
import { watchLogRoom } from "./admission/logRoom.ts";
import { listenError } from "./http/listenError.ts";
import { makeHealth } from "./health/health.ts";
import { buildApp } from "./http/app.ts";
import { makeModels, watchNameClashes } from "./accept/models.ts";
import { hearAllProjections } from "./admission/projectionsHeard.ts";
import { makeReadTask, makeSearch } from "./read/readTask.ts";
import { watchStoring } from "./accept/storing.ts";
import { makeStreamTask } from "./stream/streamTask.ts";
import { makeWaitForOutcome } from "./read/waitForOutcome.ts";
import { makeWatchPlace } from "./stream/watchPlace.ts";
import { makeWorkQueues } from "./accept/workQueues.ts";
import { hearAllWorkers } from "@jetscribe/event-log/signals/workersHeard";

/** The start waits so long for Redis; it goes on without. */
const redisWithinMs = 1_000;

await runService(
  "gateway",
  async (service) => {
    const { env, stack, stopping, log } = service;
    const config = readConfig(Config, env);

    const broker = await joinBroker("gateway", config.broker, service);
    const store = stack.use(
      connectStore({ ...config.redis, name: "gateway", log }),
    );
    const reader = makeTaskReader(store);
    const clock = await joinClock("gateway", broker, service);
    const appender = stack.use(makeAppender(broker, "gateway", clock.nowMs));

    const queues = stack.use(makeWorkQueues(broker, reader, config));
    const workers = stack.use(
      hearAllWorkers(broker, (model) => {
        clashes.look();
        models.note(model);
      }),
    );
    const clashes = stack.use(watchNameClashes(workers, log));
    const models = makeModels(reader, config.modelName, clashes);

    const recent = makeRecentlyStored(broker);
    const forecast = makeForecast(reader, workers);
    // Or what is unfinished would be unknown at first, and all of the log would count as that.
    await store.whenReady(redisWithinMs);
    const limits = stack.use(makeLimits(broker, reader, config.limits));
    const projections = stack.use(hearAllProjections(broker));
    const room = stack.use(
      await watchLogRoom(broker, reader, projections, log),
    );
    const storing = stack.use(watchStoring(broker, workers, appender));
    const states = makeTaskStates(broker, reader, {
      fromLog: makeSearch(broker),
      recent,
    });
    const { projecting } = projections;
    const { readTask, readSurely } = makeReadTask(states, projecting);
    const acceptRequest = makeAcceptRequest({
      broker,
      appender,
      queues,
      models,
      clock,
      recent,
      forecast,
      limits,
      room,
      storing,
      defaults: config,
    });
    const watchTask = makeWatchTask({
      ...{ broker, states, recent, readTask, readSurely },
      done: stack.use(hearAllDone(store, log)),
      watchStored: makeWatchStored(broker),
    });
    const waitForOutcome = makeWaitForOutcome(watchTask, readTask, stopping);
    const readText = makeReadText(broker);
    const app = await buildApp(
      {
        acceptOnce: makeAcceptOnce(broker, acceptRequest, readSurely),
        readTask,
        waitForOutcome,
        stopping,
        log,
        streamTask: makeStreamTask({
          broker,
          watchTask,
          readText,
          forecast,
          stopping,
          watchPlace: makeWatchPlace(reader),
        }),
        cancelTask: makeCancelTask(
          broker,
          appender,
          clock,
          readSurely,
          recent,
          readText,
        ),
        keys: config.keys,
        places: reader.places,
        forecast,
        health: makeHealth(broker, reader, workers, {
          clock,
          clashes,
          room,
          projections,
          storing,
        }),
        unready() {
          if (stopping.aborted) return "the gateway is stopping";
          return broker.connected ? undefined : "the broker can't be reached";
        },
      },
      config,
    );
    stack.defer(() => app.close());
    await app.listen(config.listen).catch((error: unknown) => {
      throw listenError(error);
    });
  },
  { env: process.env },
);
