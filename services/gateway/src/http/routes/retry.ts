import { GenerateOverrides, isOpen } from "@jetscribe/schema";
import { ApiError } from "../../apiError.ts";
import { acceptOptionsOf } from "../../calls/acceptOptionsOf.ts";
import {
  acceptedAnswers,
  AcceptHeaders,
  makeSendAccepted,
} from "../accepted.ts";
import type { App, AppDeps } from "../appDeps.ts";
import { dropBody } from "../bodiesInFlight.ts";
import { acceptProblems, problems, security } from "../docs.ts";
import { taskOfCall } from "../../calls/taskOfCall.ts";
import { TaskParams } from "../taskParams.ts";

const schema = {
  operationId: "retry",
  tags: ["Submit"],
  summary: "Run an ended task again",
  description:
    "Makes a new task from the stored request of one that has ended, whatever its outcome, and answers as `POST /generate`. " +
    "The body, which may be absent, holds the fields of `POST /generate` that are to differ; `prompt` takes the place of " +
    "`messages` and the other way round. 409 while the task has no outcome; 410 where the log has dropped its request.",
  params: TaskParams,
  body: GenerateOverrides,
  headers: AcceptHeaders,
  example: { max_tokens: 8 },
  response: {
    ...acceptedAnswers,
    ...problems(
      ...([401, 403, 404, 413, 415, 422, 429] as const),
      ...(["not_ended", "gone", "rate_limited", ...acceptProblems] as const),
    ),
  },
  security,
};

export function retryRoute(app: App, deps: AppDeps): void {
  const sendAccepted = makeSendAccepted(deps, app.publicPath);
  const config = { scope: "generate" } as const;
  const path = "/tasks/:task_id/retry";
  app.post(path, { schema, config }, async (request, reply) => {
    const { body: overrides, key } = request;
    const options = acceptOptionsOf(request);
    let accepted: Awaited<ReturnType<AppDeps["retryTask"]>>;
    try {
      const task = await taskOfCall(deps.readSurely, request);
      if (isOpen(task))
        throw new ApiError("not_ended", `the task is ${task.status}`);
      accepted = await deps.retryTask(task, key, { ...options, overrides });
    } finally {
      dropBody(request);
    }
    return sendAccepted(request, reply, accepted);
  });
}
