import type { TaskState } from "@jetscribe/schema";
import { ApiError } from "../apiError.ts";
import type { ApiKey } from "../keys/apiKeys.ts";
import type { ReadTask } from "../read/readTask.ts";

/** The task that a call names. Rejects with the same "not found" for one of another key as for one that never was. */
export async function taskOfCall(
  readTask: ReadTask,
  { params, key }: { params: { task_id: string }; key: Pick<ApiKey, "owner"> },
): Promise<TaskState> {
  const task = await readTask(params.task_id, key.owner);
  if (task === undefined) throw new ApiError("not_found", "no such task");
  return task;
}
