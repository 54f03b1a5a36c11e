import { CancelledResponse, Problem } from "@jetscribe/schema";
import type { App, AppDeps } from "../app.ts";
import { security } from "../docs.ts";
import { taskOfCall, TaskParams } from "../taskOfCall.ts";
import { hangUp } from "../wait.ts";

const Cancelled = CancelledResponse.omit({ metrics: true });

const schema = {
  summary: "Cancel a task",
  description:
    "200 if it is cancelled, queued or running; 409 if it has another outcome already.",
  params: TaskParams,
  response: {
    200: Cancelled,
    401: Problem,
    404: Problem,
    409: Problem,
    503: Problem,
  },
  security,
};

/** The answer waits so long until the projection shows the cancel too: who reads next reads it. */
const shownWithinMs = 1_000;

export function cancelRoute(
  app: App,
  { readTask, cancelTask, waitForOutcome }: AppDeps,
): void {
  app.post("/cancel/:task_id", { schema }, async (request, reply) => {
    const task = await taskOfCall(readTask, request);
    const { key } = request;
    await cancelTask(task, key);
    await waitForOutcome(task.task_id, key.owner, {
      ...{ ms: shownWithinMs, signal: hangUp(reply), known: task },
    });
    return { status: "cancelled" as const, task_id: task.task_id };
  });
}
