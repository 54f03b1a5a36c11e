/** Pure: a worker's heartbeat as the view `now` shows it. */
import type {
  NowSlot,
  NowWorker,
  RunningTask,
  WorkerAnnouncement,
} from "@jetscribe/schema";

/**
 * `owner`: whose tasks may be seen (a slug); undefined: everybody's. `heardAt`: when its last heartbeat came, where the
 * next one is late, in seconds since the epoch.
 */
export function shownWorker(
  worker: WorkerAnnouncement,
  owner: string | undefined,
  heardAt?: number,
): NowWorker {
  const { worker_id, model, engine, model_loaded, slots } = worker;
  const { device, live, error, warnings, speculation, running = [] } = worker;
  const { threads, started_at, engine_restarts } = worker;
  const rate = running.reduce(
    (sum, { tokens_per_second = 0 }) => sum + tokens_per_second,
    0,
  );
  return {
    ...{ worker_id, model, engine, model_loaded, slots },
    ...(device !== undefined && { device }),
    ...(live !== undefined && { live }),
    ...(error && { error }),
    ...(warnings && { warnings }),
    ...(speculation && { speculation }),
    ...(threads && { threads }),
    ...(started_at !== undefined && { started_at }),
    ...(engine_restarts !== undefined && { engine_restarts }),
    ...(heardAt !== undefined && { heard_at: heardAt }),
    in_hand: worker.tasks.length,
    tokens_per_second: Math.round(10 * rate) / 10,
    running: running.map((task) => slotOf(task, owner)),
  };
}

function slotOf(task: RunningTask, owner: string | undefined): NowSlot {
  const phase = task.first_token_at === undefined ? "prompt" : "text";
  const isVisible = owner === undefined || owner === task.owner;
  return isVisible ? { phase, ...task } : { phase };
}
