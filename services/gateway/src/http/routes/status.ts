import { StatusResponse } from "@jetscribe/schema";
import { statusOf } from "../../read/resultOf.ts";
import type { App, AppDeps } from "../appDeps.ts";
import { answer, problems, readSecurity } from "../docs.ts";
import { taskIdExample } from "../examples.ts";
import { taskOfCall } from "../../calls/taskOfCall.ts";
import { TaskParams } from "../taskParams.ts";

const schema = {
  operationId: "getStatus",
  tags: ["Read"],
  summary: "Where a task stands",
  description:
    "State, place in the queue, estimated wait, attempts and times; the text is at `GET /result`.",
  params: TaskParams,
  response: {
    200: answer(StatusResponse, "Where it stands", {
      example: {
        task_id: taskIdExample,
        status: "completed",
        ...{ queue_position: null, estimated_wait: null, attempt: 1 },
        enqueue_time: 1795894184.6026587,
        start_time: 1795894184.6038582,
        end_time: 1795894184.6189249,
      },
    }),
    ...problems(401, 403, 404, "rate_limited", 503),
  },
  security: readSecurity,
};

export function statusRoute(app: App, deps: AppDeps): void {
  const config = { scope: "read", readToken: true } as const;
  app.get("/status/:task_id", { schema, config }, async (request) => {
    const task = await taskOfCall(deps.readTask, request);
    // Without Redis nobody knows the place; everything else is known from the log.
    const [place] = await deps.places([task]).catch(() => []);
    if (!place) return statusOf(task, undefined, deps.clock);
    const { position } = place;
    const wait = deps.forecast.of(task, place);
    return statusOf(task, { position, wait }, deps.clock);
  });
}
