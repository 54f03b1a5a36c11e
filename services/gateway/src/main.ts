import { makeReadText } from "@jetscribe/event-log/tokens/textReader";
import { makeAppender } from "@jetscribe/event-log/append/append";
import { makeRecentlyStored } from "@jetscribe/event-log/state/recentlyStored";
import { makeTaskStates } from "@jetscribe/event-log/state/taskStates";
import {
  joinBroker,
  joinClock,
  joinMicro,
  makeTraceparentOf,
  readConfig,
  runService,
} from "@jetscribe/runtime";
import {
  connectStore,
  makeRateLimiter,
  makeTaskReader,
} from "@jetscribe/task-store";
import { makeAcceptRequest } from "./accept/acceptRequest.ts";
import { makeAcceptBatch } from "./accept/acceptBatch.ts";
import { makeRetryTask } from "./accept/retryTask.ts";
import { makeAcceptOnce } from "./accept/acceptOnce.ts";
import { makeAudit } from "./audit/audit.ts";
import { makeCancelTask } from "./cancel/cancelTask.ts";
import { Config } from "./config.ts";
import {
  hearAllDone,
  makeWatchStored,
  makeWatchTask,
} from "./read/watchTask.ts";
import { makeFeed } from "./feed/feed.ts";
import { makeForecast } from "./forecast/forecast.ts";
import { makeBodyRoom } from "./admission/bodyRoom.ts";
import { makeAuthThrottle } from "./admission/authThrottle.ts";
import { makeLimits } from "./admission/limits.ts";
import { makeRequestRates } from "./admission/requestRates.ts";
import { watchLogRoom } from "./admission/logRoom.ts";
import { makeKeyRing } from "./keys/keyRing.ts";
import { makeKeyUse } from "./keys/keyUse.ts";
import { makeManageKeys, notRead } from "./keys/manageKeys.ts";
import { makeReadTokens } from "./keys/readTokens.ts";
import { watchKeys } from "./keys/watchKeys.ts";
import { listenForDashboard } from "./http/dashboardPort.ts";
import { listenError } from "./http/listenError.ts";
import { makeActOnTasks } from "./list/actOnTasks.ts";
import { makeListTasks } from "./list/listTasks.ts";
import { makePast } from "./past/past.ts";
import { makeSupersede } from "./list/supersede.ts";
import { makeCallCounts } from "./metrics/callCounts.ts";
import { makeScrape } from "./metrics/scrape.ts";
import { makeHealth } from "./health/health.ts";
import { makeStreamRooms } from "./health/streamRooms.ts";
import { buildApp } from "./http/app.ts";
import { makeModels, watchNameClashes } from "./accept/models.ts";
import { hearAllProjections } from "./admission/projectionsHeard.ts";
import { makeReadTask, makeSearches } from "./read/readTask.ts";
import { watchStoring } from "./accept/storing.ts";
import { makeNatsApi } from "./natsApi/natsApi.ts";
import { makeStatistics } from "./statistics/readStatistics.ts";
import { makeStreamTask } from "./stream/streamTask.ts";
import { makeWaitForOutcome } from "./read/waitForOutcome.ts";
import { makeWatchPlace } from "./stream/watchPlace.ts";
import { makeTraceCalls } from "./accept/traceCalls.ts";
import { makeWorkerMemory } from "./health/workerMemory.ts";
import { makeWorkQueues } from "./accept/workQueues.ts";
import { makeWebhooks } from "./webhooks/webhooks.ts";
import { hearAllWorkers } from "@jetscribe/event-log/signals/workersHeard";

/** The start waits so long for Redis; it goes on without. */
const redisWithinMs = 1_000;

await runService(
  "gateway",
  async (service) => {
    const { env, stack, stopping, log, tracing } = service;
    const config = readConfig(Config, env);

    const broker = await joinBroker("gateway", config.broker, service);
    const store = stack.use(
      connectStore({ ...config.redis, name: "gateway", log }),
    );
    const clock = await joinClock("gateway", broker, service);
    const reader = makeTaskReader(store, clock.nowMs);
    const appender = stack.use(makeAppender(broker, "gateway", clock.nowMs));

    const ring = stack.use(makeKeyRing(config.keys, clock.nowS));
    const readTokens = makeReadTokens(config.keys, ring, clock.nowS);
    const keyUse = stack.use(makeKeyUse(store, clock.nowS));
    const keysWatched = stack.use(watchKeys(broker, ring, log));

    const queues = stack.use(makeWorkQueues(broker, reader, config));
    const memory = stack.use(makeWorkerMemory(broker, store, clock.nowS));
    const workers = stack.use(
      hearAllWorkers(
        broker,
        (model) => {
          clashes.look();
          models.note(model);
        },
        memory.note,
      ),
    );
    const clashes = stack.use(watchNameClashes(workers, log));
    const models = makeModels(reader, config.modelName, clashes);

    const recent = makeRecentlyStored(broker);
    const forecast = makeForecast(reader, workers);
    // Or what is unfinished would be unknown at first, and all of the log would count as that.
    await store.whenReady(redisWithinMs);
    const limits = stack.use(makeLimits(broker, reader, clock, config.limits));
    const projections = stack.use(hearAllProjections(broker, config));
    const room = stack.use(
      await watchLogRoom(broker, reader, projections, log),
    );
    const storing = stack.use(watchStoring(broker, workers, appender));
    const searches = makeSearches(broker);
    const states = makeTaskStates(broker, reader, {
      fromLog: searches.task,
      recent,
    });
    const { projecting } = projections;
    const { readTask, readSurely } = makeReadTask(states, projecting);
    const readText = makeReadText(broker);
    const traces =
      tracing && makeTraceCalls(tracing, broker, () => clock.nowS());
    const cancelTask = makeCancelTask(
      broker,
      appender,
      clock,
      readSurely,
      recent,
      readText,
      makeTraceparentOf(tracing),
    );
    const lists = makeListTasks(broker, models);
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
      supersede: makeSupersede({ ...lists, cancelTask, log }),
      traces,
      defaults: config,
    });
    const watchTask = makeWatchTask({
      ...{ broker, states, recent, readTask, readSurely },
      done: stack.use(hearAllDone(store, log)),
      watchStored: makeWatchStored(broker),
    });
    const waitForOutcome = makeWaitForOutcome(watchTask, readTask, stopping);
    const acceptOnce = makeAcceptOnce(broker, acceptRequest, readSurely);
    const retryTask = makeRetryTask(broker, acceptOnce);
    const health = makeHealth(broker, reader, workers, {
      ...{ clock, clashes, room, projections, storing },
    });
    const statistics = makeStatistics({ broker, models, clock });
    const past = makePast({ broker, models, lists });
    const feed = makeFeed({
      ...{ broker, clock, lists, models, readTask, reader, workers },
      ...{ projections, health, forecast, memory, statistics },
      streamRooms: makeStreamRooms(broker),
      readHistory: searches.history,
      readNewest: (filter, limit, key) =>
        past.readLog({ ...filter, limit }, key),
    });
    const [calls, natsCalls] = [makeCallCounts(), makeCallCounts()];
    const scrape = makeScrape({
      ...{ broker, reader, models, workers, forecast, clock, projections },
      ...{ room, health, calls, natsCalls },
    });
    const tasks = { readSurely, cancelTask, retryTask };
    const rates = makeRequestRates(
      makeRateLimiter(store, "key"),
      config.requestsPerMinute,
    );
    const calling = {
      ...{ acceptOnce, readTask, waitForOutcome, cancelTask },
      ...{ clock, rates, limits, log },
    };
    const callKeys = {
      ...{ find: ring.find, withId: ring.withId, ofOwner: ring.ofOwner },
      ...{ endOf: ring.endOf, hasEnded: ring.hasEnded, noteUse: keyUse.note },
      whyUnknown: () =>
        keysWatched.current === undefined ? notRead() : undefined,
    };
    const bodies = makeBodyRoom(config.bodiesInFlight);
    const app = await buildApp(
      {
        ...calling,
        acceptBatch: makeAcceptBatch(acceptOnce),
        retryTask,
        listTasks: lists.listTasks,
        past,
        ...makeActOnTasks({ ...lists, ...tasks }),
        ...{ readSurely, readHistory: searches.history },
        models,
        audit: makeAudit(broker, clock, makeRateLimiter(store, "texts", 3_600)),
        ...{ stopping, traces },
        streamTask: makeStreamTask({
          broker,
          watchTask,
          readText,
          forecast,
          clock,
          stopping,
          watchPlace: makeWatchPlace(reader),
        }),
        keys: {
          ...callKeys,
          ofToken: readTokens.keyOf,
          ofLink: readTokens.keyOfLink,
        },
        openFeed: feed.open,
        readStatistics: (query, key) => statistics.read(query, key),
        ...{ scrape, calls },
        readTokens,
        manageKeys: makeManageKeys({
          broker,
          clock,
          watched: keysWatched,
          use: keyUse,
          fromSettings: config.keys,
        }),
        throttle: makeAuthThrottle(
          makeRateLimiter(store, "address"),
          config.authFailuresPerMinute,
          log,
        ),
        dismissWorker: memory.dismiss,
        webhooks: makeWebhooks(
          broker,
          clock,
          config.webhookSecrets,
          searches.search,
        ),
        places: reader.places,
        forecast,
        health,
        unready() {
          if (stopping.aborted) return "the gateway is stopping";
          if (!broker.connected) return "the broker can't be reached";
          return keysWatched.current === undefined
            ? "the API keys are not read yet"
            : undefined;
        },
      },
      { ...config, bodies, namespace: config.broker.NAMESPACE },
    );
    stack.defer(() => app.close());
    try {
      await app.listen(config.listen);
      if (config.dashboardPort !== undefined)
        stack.use(
          await listenForDashboard(app, {
            ...config.listen,
            port: config.dashboardPort,
          }),
        );
    } catch (error) {
      throw listenError(error);
    }
    joinMicro("gateway", broker, service, {
      description: "takes calls by REST and NATS",
      endpoints: makeNatsApi(
        { ...calling, calls: natsCalls, keys: callKeys, broker },
        { ...config, bodies },
      ),
    });
  },
  { env: process.env },
);
