/** Cancels, or runs again, the tasks that match a filter at the time of the call: so many at most, the newest first. */
import {
  isOpen,
  type CancelTasksRequest,
  type RetryTasksRequest,
  type TaskFilter,
  type TasksActedOnResponse,
} from "@jetscribe/schema";
import { keyOfItem } from "../accept/acceptBatch.ts";
import type { RetryTask } from "../accept/retryTask.ts";
import { ApiError } from "../apiError.ts";
import type { CancelTask } from "../cancel/cancelTask.ts";
import type { ApiKey } from "../keys/apiKeys.ts";
import type { ReadTask } from "../read/readTask.ts";
import { cursorBefore, ownerOf, type Lists } from "./listTasks.ts";

/** A call acts on so many tasks at most. */
export const mostTasksPerCall = 1_000;
/** So many at once. */
const atOnce = 25;
/** A call begins no more tasks then. */
const goesOnForMs = 20_000;

export type ActOnTasks = ReturnType<typeof makeActOnTasks>;

export function makeActOnTasks({
  listTasks,
  countTasks,
  readSurely,
  cancelTask,
  retryTask,
}: Pick<Lists, "listTasks" | "countTasks"> & {
  readSurely: ReadTask;
  cancelTask: CancelTask;
  retryTask: RetryTask;
}) {
  /**
   * Acts on page after page, until a task is refused for a reason that others would be refused for too: the next call
   * begins with that task. `ended` aborts when the key ends.
   */
  async function actOnAll(
    filter: TaskFilter,
    key: ApiKey,
    from: string | undefined,
    ended: AbortSignal | undefined,
    act: (taskId: string) => Promise<string>,
  ): Promise<TasksActedOnResponse> {
    const until = performance.now() + goesOnForMs;
    const results: Record<string, number> = {};
    let matched = 0;
    let cursor = from;
    do {
      const page = await listTasks(filter, key, { limit: atOnce, cursor });
      const found = await Promise.all(
        page.tasks.map(({ task_id }) => act(task_id).then(done, refusal)),
      );
      for (const { word } of found) results[word] = (results[word] ?? 0) + 1;
      matched += found.length;
      ({ cursor } = page);
      const refused = found.findIndex(({ ends }) => ends);
      const first = page.tasks[refused];
      if (first === undefined) continue;
      cursor = cursorBefore(first.task_id);
      break;
    } while (
      cursor !== undefined &&
      matched + atOnce <= mostTasksPerCall &&
      performance.now() < until &&
      ended?.aborted !== true
    );
    const next = cursor === undefined ? {} : { next_cursor: cursor };
    return { dry_run: false, matched, results, ...next };
  }

  async function count(
    filter: TaskFilter,
    key: ApiKey,
    from: string | undefined,
  ): Promise<TasksActedOnResponse> {
    const matched = await countTasks(filter, key, from);
    return { dry_run: true, matched, results: {} };
  }

  /** Rejects with an ApiError where the tasks can't be listed; what becomes of each task is counted. */
  async function cancelTasks(
    { dry_run, cursor, ...filter }: CancelTasksRequest,
    key: ApiKey,
    { ended }: { ended?: AbortSignal | undefined } = {},
  ): Promise<TasksActedOnResponse> {
    if (dry_run) return await count(filter, key, cursor);
    const owner = ownerOf(filter, key);
    return await actOnAll(filter, key, cursor, ended, async (task_id) => {
      await cancelTask({ task_id }, { ...key, owner });
      return "cancelled";
    });
  }

  /**
   * Rejects as `cancelTasks`. With an idempotency key a call that is sent again makes no second task of any that it made
   * one of.
   */
  async function retryTasks(
    { dry_run, cursor, ...filter }: RetryTasksRequest,
    key: ApiKey,
    {
      traceparent,
      idempotencyKey,
      cancelAfterMs,
      ended,
    }: {
      traceparent?: string | undefined;
      idempotencyKey?: string | undefined;
      cancelAfterMs?: number | undefined;
      ended?: AbortSignal | undefined;
    },
  ): Promise<TasksActedOnResponse> {
    if (dry_run) return await count(filter, key, cursor);
    return await actOnAll(filter, key, cursor, ended, async (task_id) => {
      const task = await readSurely(task_id, key.owner);
      if (task === undefined) throw new ApiError("not_found", "it is gone");
      if (isOpen(task)) throw new ApiError("not_ended", "it is unfinished");
      await retryTask(task, key, {
        ...{ traceparent, cancelAfterMs },
        ...(idempotencyKey !== undefined && {
          idempotencyKey: keyOfItem(idempotencyKey, task_id),
        }),
      });
      return "accepted";
    });
  }

  return { cancelTasks, retryTasks };
}

interface Result {
  word: string;
  /** Others would be refused for the same reason now. */
  ends: boolean;
}

const done = (word: string): Result => ({ word, ends: false });

/** What a refusal says of the one task. Throws an error that is no refusal. */
function refusal(error: unknown): Result {
  if (!(error instanceof ApiError)) throw error;
  const { code, facts } = error;
  return { word: code, ends: facts.retryAfterS !== undefined };
}
