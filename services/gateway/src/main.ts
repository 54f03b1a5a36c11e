import { makeAppender } from "@jetscribe/event-log/append";
import { makeBrokerClock } from "@jetscribe/event-log/brokerClock";
import { joinBroker, readConfig, runService } from "@jetscribe/runtime";
import { connectStore, makeTaskReader } from "@jetscribe/task-store";
import { makeAccepted } from "./accepted.ts";
import { makeAcceptRequest } from "./acceptRequest.ts";
import { makeCancelTask } from "./cancelTask.ts";
import { Config } from "./config.ts";
import { hearAllDone } from "./doneHeard.ts";
import { makeForecast } from "./forecast.ts";
import { makeLimits } from "./limits.ts";
import { watchLogRoom } from "./logRoom.ts";
import { makeHealth } from "./health.ts";
import { buildApp } from "./http/app.ts";
import { makeWatchProgress } from "./progress.ts";
import { makeModels } from "./models.ts";
import { watchNameClashes } from "./nameClashes.ts";
import { hearAllProjections } from "./projectionsHeard.ts";
import { makeReadTask } from "./readTask.ts";
import { watchStoring } from "./storing.ts";
import { makeStreamTask } from "./streamTask.ts";
import { makeWaitForOutcome } from "./waitForOutcome.ts";
import { makeWatchPlace } from "./watchPlace.ts";
import { makeWorkQueues } from "./workQueues.ts";
import { hearAllWorkers } from "@jetscribe/event-log/workersHeard";

/** The start waits so long for Redis; it goes on without. */
const redisWithinMs = 1_000;

await runService(
  "gateway",
  async (service) => {
    const { env, stack, stopping, log } = service;
    const config = readConfig(Config, env);

    const broker = await joinBroker("gateway", config.broker, service);
    const store = stack.use(
      connectStore({ url: config.redisUrl, name: "gateway", log }),
    );
    const reader = makeTaskReader(store);
    const clock = stack.use(
      await makeBrokerClock(broker, "gateway", (by_ms) =>
        log.warn({ by_ms }, "the time was corrected to the broker's"),
      ),
    );
    const appender = stack.use(makeAppender(broker, "gateway", clock.nowMs));

    const queues = stack.use(
      makeWorkQueues(broker, config.keys, { ...config, log }),
    );
    queues.ensureModel(config.modelName);
    const workers = stack.use(
      hearAllWorkers(broker, (model) => {
        clashes.look();
        models.note(model);
        queues.ensureModel(model);
      }),
    );
    const clashes = stack.use(watchNameClashes(workers, log));
    const models = stack.use(makeModels(broker, config.modelName, clashes));

    const accepted = makeAccepted();
    const forecast = makeForecast(reader, workers);
    // Or the room in the log would be unknown at first, of a log that may have much.
    await store.whenReady(redisWithinMs);
    const limits = stack.use(makeLimits(broker, reader, config.limits));
    const room = stack.use(
      await watchLogRoom(broker, reader, { ...config, clock, log }),
    );
    const storing = stack.use(watchStoring(broker, workers));
    const acceptRequest = makeAcceptRequest({
      ...{ broker, appender, queues, models, clock, accepted, forecast },
      ...{ limits, room, storing },
      defaults: config,
    });
    const projections = stack.use(hearAllProjections(broker));
    const { projecting } = projections;
    const { readTask, readSurely } = makeReadTask(
      broker,
      reader,
      accepted,
      projecting,
    );
    const done = stack.use(hearAllDone(store, log));
    const waitForOutcome = makeWaitForOutcome(done, reader, readTask, stopping);
    const watchProgress = makeWatchProgress(broker);
    const app = await buildApp(
      {
        ...{ acceptRequest, readTask, waitForOutcome, stopping, log },
        streamTask: makeStreamTask({
          broker,
          done,
          readTask,
          watchProgress,
          watchPlace: makeWatchPlace(reader),
          forecast,
          stopping,
        }),
        cancelTask: makeCancelTask(broker, appender, clock, readSurely),
        keys: config.keys,
        places: reader.places,
        forecast,
        health: makeHealth(broker, reader, workers, {
          ...{ clashes, room, projections, storing },
        }),
        unready() {
          if (stopping.aborted) return "the gateway is stopping";
          return broker.connected ? undefined : "the broker can't be reached";
        },
      },
      config,
    );
    stack.defer(() => app.close());
    await app.listen(config.listen);
  },
  { env: process.env },
);
