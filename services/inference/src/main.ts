import { makeAppender } from "@jetscribe/event-log/append/append";
import { newestRequest } from "@jetscribe/event-log/streams/groups";
import { consumeWork } from "@jetscribe/event-log/work/consume";
import { makeLogFollower } from "@jetscribe/event-log/state/followLog";
import { makeTaskStates } from "@jetscribe/event-log/state/taskStates";
import { hearWorkers } from "@jetscribe/event-log/signals/signals";
import { makeTokenLog } from "@jetscribe/event-log/tokens/tokens";
import {
  ConfigError,
  joinBroker,
  joinClock,
  joinMicro,
  readConfig,
  runService,
} from "@jetscribe/runtime";
import {
  connectStore,
  forgetSeenWorkers,
  makeTaskReader,
} from "@jetscribe/task-store";
import { makeAnnouncer } from "./presence/announcer.ts";
import { makeAttempt } from "./task/attempt.ts";
import { hearCancels } from "./ownership/hearCancels.ts";
import { Config } from "./config.ts";
import { drain } from "./task/drain.ts";
import { canGoOn } from "./engine/engine.ts";
import { makeEngineProcess } from "./engine/process/engineProcess.ts";
import { makeHeldTasks } from "./ownership/heldTasks.ts";
import { makeOnGenerateRequested } from "./task/onGenerateRequested.ts";
import { makePeers } from "./ownership/peers.ts";
import { withPulse } from "./presence/withPulse.ts";
import { makeRunningTasks } from "./ownership/runningTasks.ts";
import { makeReadWriteLock } from "./task/readWriteLock.ts";
import { makeRecord } from "./task/record.ts";
import { makeTraceAttempts } from "./task/traceAttempts.ts";
import { makeTextLock } from "./ownership/textLock.ts";
import { newWorkerId } from "./presence/workerId.ts";

await runService(
  "inference",
  async (service) => {
    const { env, stack, stopping, log, tracing } = service;
    const config = readConfig(Config, env);
    const { model } = config;
    const workerId = newWorkerId();
    const engineIsElsewhere = config.engine.engine === "openai";
    const limits = { ...config, workerId, engineIsElsewhere };

    const engine = makeEngineProcess({
      config: config.engine,
      log,
      env,
      hangTimeoutMs: config.hangTimeoutMs,
      onWrongSetting: (name, message) =>
        service.fail(new ConfigError([{ name, message }])),
    });
    stack.defer(() => engine.close());
    const watchedEngine = stack.use(withPulse(engine, config));
    const broker = await joinBroker("inference", config.broker, service);
    const clock = await joinClock("inference", broker, service);
    const store = stack.use(
      connectStore({ ...config.redis, name: "inference", log }),
    );
    const appender = stack.use(makeAppender(broker, "inference", clock.nowMs));

    const peers = makePeers(workerId);
    stack.use(hearWorkers(broker, peers.heard, model));
    stack.defer(broker.onReconnect(peers.listenAnew));

    const { stateOf } = stack.use(makeLogFollower(broker));
    const reader = makeTaskReader(store, clock.nowMs);
    const states = makeTaskStates(broker, reader, { fromLog: stateOf });
    const held = stack.use(makeHeldTasks({ ...limits, states }));
    stack.defer(broker.onDisconnect(held.doubtAll));
    const cancels = stack.use(
      hearCancels(broker, model, (id) => held.interrupt(id, "outcome")),
    );

    const tokens = stack.use(makeTokenLog(broker));
    const shared = { broker, clock, appender, tokens, states, workerId, log };
    const lock = makeTextLock({
      ...shared,
      canGoOn: (request) => canGoOn(config.engine.engine, request),
    });
    const traces = tracing && makeTraceAttempts(tracing, broker);
    const record = makeRecord({ ...shared, traces });
    const running = makeRunningTasks(clock.nowS);
    const attempt = makeAttempt({
      ...shared,
      running,
      engine: watchedEngine,
      engineLock: makeReadWriteLock(),
      record,
      lock,
      limits,
      stopping,
    });
    const handle = makeOnGenerateRequested({
      ...shared,
      attempt,
      record,
      lock,
      peers,
      held,
      limits,
      wasCancelled: cancels.wasCancelled,
      newestRequest: (group) => newestRequest(broker, group),
    });
    const work = stack.use(
      consumeWork(broker, {
        model,
        slots: () => {
          const state = engine.state();
          return state.status === "ready" ? state.info.slots : 0;
        },
        handle,
        readActive: () => reader.active(model),
        onDiscarded: (because, seq) =>
          log.error({ because, seq }, "no request, thrown off the queue"),
        onStuck: () =>
          service.fail(new Error("work waits, and none is delivered")),
      }),
    );
    // Where all gateways stop at the same time, none hears the goodbye.
    stack.defer(async () => {
      await forgetSeenWorkers(store, [workerId]).catch(() => undefined);
    });
    const announcer = stack.use(
      makeAnnouncer({
        broker,
        config,
        workerId,
        work,
        running,
        peers,
        engine: watchedEngine,
        startedAt: clock.nowS() - process.uptime(),
        unanswered: () => appender.silent || tokens.silent,
      }),
    );
    engine.onChange(() => {
      announcer.announce();
      work.pullWork();
    });
    stack.defer(() => drain(work, held, config.drainTimeoutMs));
    joinMicro("inference", broker, service, {
      description: "a worker: runs the tasks of one model",
      metadata: { model: config.modelName, worker_id: workerId },
    });
    log.info({ worker_id: workerId, model: config.modelName }, "worker joined");
  },
  { env: process.env, hasTime: true },
);
