import { CancelledResponse } from "@jetscribe/schema";
import type { App, AppDeps } from "../appDeps.ts";
import { endOfCall } from "../auth.ts";
import { answer, problems, security } from "../docs.ts";
import { taskIdExample } from "../examples.ts";
import { taskOfCall, TaskParams } from "../taskOfCall.ts";

const Cancelled = CancelledResponse.omit({
  metrics: true,
  partial_text: true,
});

const schema = {
  operationId: "cancel",
  tags: ["Cancel"],
  summary: "Cancel a task",
  description:
    "200 if it is cancelled, queued or running; 409 if it has another outcome already. No body is needed: one is ignored.",
  params: TaskParams,
  response: {
    200: answer(Cancelled, "It is cancelled", {
      example: { status: "cancelled", task_id: taskIdExample },
    }),
    ...problems(401, 403, 404, 409, "rate_limited", 503),
  },
  security,
};

/** The answer waits so long until the projection shows the cancel too: who reads next reads it. */
const shownWithinMs = 1_000;

export function cancelRoute(app: App, deps: AppDeps): void {
  const config = { scope: "cancel" } as const;
  app.post("/cancel/:task_id", { schema, config }, async (request, reply) => {
    const task = await taskOfCall(deps.readTask, request);
    const { key } = request;
    await deps.cancelTask(task, key);
    await deps.waitForOutcome(task.task_id, key.owner, {
      ms: shownWithinMs,
      signal: endOfCall(deps.keys, request, reply),
      known: task,
    });
    return { status: "cancelled" as const, task_id: task.task_id };
  });
}
