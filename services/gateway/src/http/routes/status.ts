import { StatusResponse } from "@jetscribe/schema";
import { statusOf } from "../../read/resultOf.ts";
import type { App, AppDeps } from "../appDeps.ts";
import { answer, problems, security } from "../docs.ts";
import { taskOfCall, TaskParams } from "../taskOfCall.ts";

const schema = {
  operationId: "getStatus",
  summary: "Where a task stands",
  params: TaskParams,
  response: {
    200: answer(StatusResponse, "Where it stands"),
    ...problems(401, 404, 503),
  },
  security,
};

export function statusRoute(app: App, deps: AppDeps): void {
  app.get("/status/:task_id", { schema }, async (request) => {
    const task = await taskOfCall(deps.readTask, request);
    // Without Redis nobody knows the place; everything else is known from the log.
    const [place] = await deps.places([task]).catch(() => []);
    if (!place) return statusOf(task, undefined);
    const { position } = place;
    return statusOf(task, { position, wait: deps.forecast.of(task, place) });
  });
}
