import { CancelledResponse } from "@jetscribe/schema";
import { cancelById } from "../../calls/cancelById.ts";
import type { App, AppDeps } from "../appDeps.ts";
import { endOfCall } from "../auth.ts";
import { answer, problems, security } from "../docs.ts";
import { taskIdExample } from "../examples.ts";
import { TaskParams } from "../taskParams.ts";

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

export function cancelRoute(app: App, deps: AppDeps): void {
  const config = { scope: "cancel" } as const;
  app.post("/cancel/:task_id", { schema, config }, (request, reply) => {
    const over = () => endOfCall(deps.keys, request, reply);
    const { key, params } = request;
    return cancelById(deps, { key, over }, params.task_id);
  });
}
