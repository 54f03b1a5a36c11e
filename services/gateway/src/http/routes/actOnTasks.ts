import {
  CancelTasksRequest,
  RetryTasksRequest,
  TasksActedOnResponse,
} from "@jetscribe/schema";
import type { FastifyRequest } from "fastify";
import { mostTasksPerCall } from "../../list/actOnTasks.ts";
import { acceptOptionsOf } from "../../calls/acceptOptionsOf.ts";
import { AcceptHeaders } from "../accepted.ts";
import type { App, AppDeps } from "../appDeps.ts";
import { requireScope, untilKeyEnds } from "../auth.ts";
import { answer, problems, security } from "../docs.ts";

/** A filter is short. */
const bodyLimit = 64 * 1024;

const how =
  `The body is a filter as of \`GET /tasks\`. The call acts on the tasks that match at that time, ${mostTasksPerCall} at most, the newest first. ` +
  "While there may be more, the answer has `next_cursor`. `dry_run` counts all that match, does nothing, and needs the scope `read`, too.";
const example = { metadata: { order: "A-17" }, dry_run: true };
const ofDryRun = { dry_run: true, matched: 12, results: {} };
const refusals = problems(
  ...([400, 401, 403, 413, 415, "rate_limited", 503] as const),
);

const cancelSchema = {
  operationId: "cancelTasks",
  tags: ["Cancel"],
  summary: "Cancel the tasks that match",
  description: `Cancels tasks that have no outcome yet. ${how}`,
  body: CancelTasksRequest,
  example,
  response: {
    200: answer(TasksActedOnResponse, "What became of them", {
      example: ofDryRun,
    }),
    ...refusals,
  },
  security,
};

const retrySchema = {
  operationId: "retryTasks",
  tags: ["Submit"],
  summary: "Run the ended tasks that match again",
  description:
    `Makes a new task for each task that has ended, by default of those that failed. ${how} ` +
    "With the same `Idempotency-Key` a call that is sent again makes no second task of any that it made one of.",
  headers: AcceptHeaders.omit({ prefer: true }),
  body: RetryTasksRequest,
  example,
  response: {
    200: answer(TasksActedOnResponse, "What became of them", {
      example: ofDryRun,
    }),
    ...refusals,
  },
  security,
};

export function actOnTasksRoutes(app: App, deps: AppDeps): void {
  app.post(
    "/tasks/cancel",
    { schema: cancelSchema, config: { scope: "cancel" }, bodyLimit },
    (request) =>
      actFor(request, (ended) =>
        deps.cancelTasks(request.body, request.key, { ended }),
      ),
  );
  app.post(
    "/tasks/retry",
    { schema: retrySchema, config: { scope: "generate" }, bodyLimit },
    (request) =>
      actFor(request, (ended) =>
        deps.retryTasks(request.body, request.key, {
          ...acceptOptionsOf(request),
          ended,
        }),
      ),
  );

  /** A dry run asks for the right to read, too. */
  async function actFor<T>(
    call: Pick<FastifyRequest, "key"> & { body: { dry_run: boolean } },
    act: (ended: AbortSignal | undefined) => Promise<T>,
  ): Promise<T> {
    // A count alone changes nothing: it only tells what is there.
    if (call.body.dry_run) requireScope(call, "read");
    return await untilKeyEnds(deps.keys, call, act);
  }
}
