import type { CancelTask } from "../cancel/cancelTask.ts";
import type { ReadTask } from "../read/readTask.ts";
import type { WaitForOutcome } from "../read/waitForOutcome.ts";
import type { Call } from "./call.ts";
import { taskOfCall } from "./taskOfCall.ts";

interface CancelDeps {
  readTask: ReadTask;
  cancelTask: CancelTask;
  waitForOutcome: WaitForOutcome;
}

/** The answer waits so long until the projection shows the cancel too: who reads next reads it. */
const shownWithinMs = 1_000;

/** Resolves once the task is cancelled. Rejects with an ApiError. */
export async function cancelById(
  { readTask, cancelTask, waitForOutcome }: CancelDeps,
  { key, over }: Call,
  id: string,
): Promise<{ status: "cancelled"; task_id: string }> {
  const task = await taskOfCall(readTask, { params: { task_id: id }, key });
  const { task_id } = task;
  await cancelTask(task, key);
  const wait = { ms: shownWithinMs, signal: over(), known: task };
  await waitForOutcome(task_id, key.owner, wait);
  return { status: "cancelled", task_id };
}
