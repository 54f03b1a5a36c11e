/** What this worker says of itself every 2 s, with many peers less often, from its start to its end. */
import type { Broker } from "@jetscribe/event-log/broker/connection";
import { announceWorker } from "@jetscribe/event-log/signals/signals";
import { announceEvery, type WorkerAnnouncement } from "@jetscribe/schema";
import type { EngineInfo } from "../engine/engine.ts";
import type { EngineState } from "../engine/process/engineProcess.ts";

export interface Announcer extends Disposable {
  /** At once, for a change that others wait for. */
  announce: () => void;
}

export function makeAnnouncer({
  broker,
  model,
  modelName,
  workerId,
  engineName,
  state,
  lives,
  inHand,
  unanswered,
  tokensPerSecond,
  peers,
}: {
  broker: Broker;
  /** The slug. */
  model: string;
  modelName: string;
  workerId: string;
  engineName: string;
  state: () => EngineState;
  lives: () => boolean;
  inHand: () => string[];
  unanswered: () => boolean;
  /** Of one slot. */
  tokensPerSecond: () => number | undefined;
  /** How many other workers of the model are heard. */
  peers: () => number;
}): Announcer {
  /** In ms. */
  let every = announceEvery(peers());
  const announcement = (): WorkerAnnouncement => {
    const engine = state();
    const slots = engine.status === "ready" ? engine.info.slots : 0;
    const pace = tokensPerSecond();
    return {
      worker_id: workerId,
      model: modelName,
      engine: engineName,
      model_loaded: engine.status === "ready",
      live: lives(),
      ...(engine.status === "failed" && { error: engine.error }),
      ...(engine.status === "ready" && placeOf(engine.info)),
      slots,
      ...(unanswered() && { unanswered: true }),
      ...(pace !== undefined && { tokens_per_second: pace * slots }),
      every_ms: every,
      tasks: inHand(),
    };
  };
  const announce = () => announceWorker(broker, model, announcement());
  let timer = setTimeout(next, every);
  function next() {
    every = announceEvery(peers());
    timer = setTimeout(next, every);
    announce();
  }
  const forget = broker.onReconnect(announce);
  announce();
  return {
    announce,
    [Symbol.dispose]() {
      clearTimeout(timer);
      forget();
      announceWorker(broker, model, { ...announcement(), leaving: true });
    },
  };
}

const placeOf = ({ device, threads, speculation, warnings }: EngineInfo) => ({
  ...(device !== undefined && { device }),
  ...(threads !== undefined && { threads }),
  ...(speculation !== undefined && { speculation }),
  ...(warnings !== undefined && { warnings }),
});
