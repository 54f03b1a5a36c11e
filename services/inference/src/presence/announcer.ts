/** What this worker says of itself every 2 s, with many peers less often, from its start to its end. */
import type { Broker } from "@jetscribe/event-log/broker/connection";
import { announceWorker } from "@jetscribe/event-log/signals/signals";
import type { WorkSource } from "@jetscribe/event-log/work/consume";
import { announceEvery, type WorkerAnnouncement } from "@jetscribe/schema";
import type { Config } from "../config.ts";
import type { EngineProcess } from "../engine/process/engineProcess.ts";
import type { RunningTasks } from "../ownership/runningTasks.ts";
import type { Peers } from "../ownership/peers.ts";

export function makeAnnouncer(deps: {
  broker: Broker;
  config: Config;
  workerId: string;
  engine: Pick<EngineProcess, "state" | "restarts"> & { lives: () => boolean };
  work: WorkSource;
  running: Pick<RunningTasks, "all">;
  /** When this process started, in seconds since the epoch. */
  startedAt: number;
  peers: Peers;
  /** Whether the broker, though connected, has lately answered nothing. */
  unanswered: () => boolean;
}) {
  const { broker, config, workerId, engine, work, running, peers } = deps;
  const { unanswered, startedAt } = deps;
  const { model, modelName } = config;
  /** In ms. */
  let every = announceEvery(peers.count());
  const announcement = (): WorkerAnnouncement => {
    const state = engine.state();
    const info = state.status === "ready" ? state.info : undefined;
    const slots = info?.slots ?? 0;
    const pace = work.tokensPerSecond();
    return {
      worker_id: workerId,
      model: modelName,
      engine: config.engine.engine,
      model_loaded: info !== undefined,
      live: engine.lives(),
      error: state.status === "failed" ? state.error : undefined,
      device: info?.device,
      threads: info?.threads,
      speculation: info?.speculation,
      warnings: info?.warnings,
      slots,
      unanswered: unanswered() || undefined,
      tokens_per_second: pace && pace * slots,
      started_at: startedAt,
      engine_restarts: engine.restarts(),
      every_ms: every,
      tasks: work.inHand(),
      running: running.all(),
    };
  };
  const announce = () => announceWorker(broker, model, announcement());
  let timer = setTimeout(next, every);
  function next() {
    every = announceEvery(peers.count());
    timer = setTimeout(next, every);
    announce();
  }
  const forget = broker.onReconnect(announce);
  announce();
  return {
    /** At once, for a change that others wait for. */
    announce,
    [Symbol.dispose]() {
      clearTimeout(timer);
      forget();
      announceWorker(broker, model, { ...announcement(), leaving: true });
    },
  };
}
