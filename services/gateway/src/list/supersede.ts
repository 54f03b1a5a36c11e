/** A new task of a group whose policy is not `queue` cancels older ones of it, once it is stored. */
import type { Logger } from "@jetscribe/runtime";
import { aboutTask, type OpenTask, type TaskFilter } from "@jetscribe/schema";
import { setTimeout as sleep } from "node:timers/promises";
import type { Supersede } from "../accept/acceptRequest.ts";
import { ApiError } from "../apiError.ts";
import type { CancelTask } from "../cancel/cancelTask.ts";
import type { Lists } from "./listTasks.ts";

const atOnce = 25;
/** A group can have any number of older tasks: so long the new one's answer waits for them. */
const longestMs = 5_000;

export function makeSupersede({
  listTasks,
  cancelTask,
  log,
  answerWithinMs = longestMs,
}: Pick<Lists, "listTasks"> & {
  cancelTask: CancelTask;
  log: Pick<Logger, "warn">;
  answerWithinMs?: number;
}): Supersede {
  const cancelOlder: Supersede = async (task, policy, key) => {
    const { task_id, seq, model, lane, group } = task;
    const runs = policy === "cancel_in_progress";
    // By the log's order, which the ids of two gateways need not follow.
    const applies = (task: OpenTask) =>
      task.seq < seq && (runs || task.status === "queued");
    const filter: TaskFilter = {
      ...{ model, lane, group },
      status: runs ? ["queued", "processing"] : ["queued"],
    };

    async function cancel(found: { task_id: string }): Promise<void> {
      await cancelTask(found, key, { because: "superseded", applies }).catch(
        (error: unknown) => {
          // It has ended meanwhile.
          if (error instanceof ApiError && error.code === "already_ended")
            return;
          throw error;
        },
      );
    }

    try {
      let cursor: string | undefined;
      do {
        const page = await listTasks(filter, key, { limit: atOnce, cursor });
        const older = page.tasks.filter((one) => one.task_id !== task_id);
        await Promise.all(older.map(cancel));
        ({ cursor } = page);
      } while (cursor !== undefined);
    } catch (error) {
      log.warn(
        { ...aboutTask(task), err: error },
        "older tasks of its group go on",
      );
    }
  };

  return async (...about) => {
    const over = new AbortController();
    const { signal } = over;
    const late = sleep(answerWithinMs, undefined, { signal });
    await Promise.race([cancelOlder(...about), late]);
    over.abort();
  };
}
