import type { TaskState } from "@jetscribe/schema";
import * as z from "zod";
import { ApiError } from "../apiError.ts";
import type { ApiKey } from "../keys/apiKeys.ts";
import type { ReadTask } from "../read/readTask.ts";

export const TaskParams = z.object({
  // Swift, .NET and some databases print UUIDs in capitals: the same one, by RFC 9562.
  task_id: z
    .string()
    .toLowerCase()
    .meta({ description: "Of the 202 of POST /generate." }),
});

/** The task that the path names. Rejects with the same "not found" for one of another key as for one that never was. */
export async function taskOfCall(
  readTask: ReadTask,
  {
    params,
    key,
  }: { params: z.infer<typeof TaskParams>; key: Pick<ApiKey, "owner"> },
): Promise<TaskState> {
  const task = await readTask(params.task_id, key.owner);
  if (task === undefined) throw new ApiError("not_found", "no such task");
  return task;
}

/** Proxies on the way end longer calls. */
export const maxWaitS = 300;

/** The query of calls that can wait for the outcome. What else it holds is ignored, as a cache buster. */
export const WaitQuery = z.object({
  wait: z.coerce
    .number()
    .min(0)
    .max(maxWaitS)
    .default(0)
    .meta({ description: "Wait for the outcome, so many seconds at most." }),
});
