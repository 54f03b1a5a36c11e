/** What came of a task, or how it stands: at once, or after a wait for its outcome. */
import {
  isOpen,
  type OutcomeResponse,
  type PendingResponse,
  type TaskState,
} from "@jetscribe/schema";
import type { BrokerClock } from "@jetscribe/event-log/broker/brokerClock";
import type { ReadTask } from "../read/readTask.ts";
import { pendingOf, visibleOutcome } from "../read/resultOf.ts";
import type { WaitForOutcome } from "../read/waitForOutcome.ts";
import type { Call } from "./call.ts";
import { taskOfCall } from "./taskOfCall.ts";

interface ReadDeps {
  readTask: ReadTask;
  waitForOutcome: WaitForOutcome;
  clock: Pick<BrokerClock, "nowS">;
}

type Result = { task: TaskState } & (
  | { status: 200; body: OutcomeResponse }
  | { status: 202; body: PendingResponse }
);

/** `waitMs`: 0 asks once. Rejects with an ApiError. */
export async function readResult(
  { readTask, waitForOutcome, clock }: ReadDeps,
  { key, over }: Call,
  { taskId: task_id, waitMs: ms }: { taskId: string; waitMs: number },
): Promise<Result> {
  const waiting: ReadTask = (taskId, owner) =>
    waitForOutcome(taskId, owner, { ms, signal: over() });
  const read = ms > 0 ? waiting : readTask;
  const task = await taskOfCall(read, { params: { task_id }, key });
  return isOpen(task)
    ? { task, status: 202, body: pendingOf(task) }
    : { task, status: 200, body: visibleOutcome(task, key, clock) };
}
