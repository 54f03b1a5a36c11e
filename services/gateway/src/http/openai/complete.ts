/** One call of OpenAI's API: a task is made, and the call waits for its text. */
import {
  aboutTask,
  isOpen,
  type EndedTask,
  type GenerateRequest,
} from "@jetscribe/schema";
import type { FastifyReply, FastifyRequest } from "fastify";
import { ApiError } from "../../apiError.ts";
import type { Form } from "../../openai/answerOf.ts";
import { TaskFailed } from "../../openai/taskFailed.ts";
import { acceptOptionsOf } from "../../calls/acceptOptionsOf.ts";
import type { AcceptHeaders } from "../accepted.ts";
import type { AppDeps } from "../appDeps.ts";
import { endOfCall, requireScope } from "../auth.ts";
import { dropBody } from "../bodiesInFlight.ts";
import { tokenHeaders } from "./rateHeaders.ts";
import { streamChunks, whyOver, type Waiting } from "./streamChunks.ts";

export interface Asked<Whole extends object> {
  generate: GenerateRequest;
  form: Form<Whole>;
  /** Absent: the answer comes in one piece. */
  streamed?: { withUsage: boolean } | undefined;
}

/** Answers the call. Rejects with an ApiError where it is refused. */
export async function complete<Whole extends object>(
  deps: AppDeps,
  request: Pick<
    FastifyRequest,
    "key" | "body" | "leaveRoom" | "arrivedAt" | "traced"
  > & {
    headers: AcceptHeaders;
  },
  reply: FastifyReply,
  { generate, form, streamed }: Asked<Whole>,
): Promise<Whole | void> {
  const { key } = request;
  requireScope(request, "read:text");
  const over = AbortSignal.any([
    endOfCall(deps.keys, request, reply),
    deps.stopping,
  ]);
  const options = acceptOptionsOf(request);
  const accepted = await deps
    .acceptOnce(generate, key, options)
    .finally(async () => {
      dropBody(request);
      void reply.headers(tokenHeaders(await deps.limits.standing(key)));
    });
  const { taskId } = accepted;
  void reply.header("x-request-id", taskId);
  if (!accepted.task) void reply.header("idempotency-replayed", "true");
  const task = accepted.task ?? (await deps.readTask(taskId, key.owner));
  if (task === undefined) throw new ApiError("not_found", "no such task");
  const waiting = { task, key, over };
  // Whoever has such a key may come back for the answer.
  const mayComeBack = options.idempotencyKey !== undefined;
  await using _cancelling = mayComeBack ? null : cancelWhenOver(deps, waiting);
  try {
    if (streamed)
      return await streamChunks(deps, waiting, reply, form, streamed);
    const ended = await waitForEnd(deps, waiting);
    if (ended.status === "completed") return form.whole(ended, task.model);
    throw new TaskFailed("error" in ended ? ended.error : undefined);
  } catch (error) {
    if (!(error instanceof TaskFailed)) throw error;
    // OpenAI's clients repeat a call that failed with 409 or 5xx, but the task had all its attempts.
    void reply.header("x-should-retry", "false");
    await reply.code(error.status).send(error.body);
  }
}

/** Nobody would read the text of a call that ended before its answer. */
function cancelWhenOver(
  { cancelTask, keys, log }: AppDeps,
  { task, key, over }: Waiting,
): AsyncDisposable {
  let cancelling: Promise<void> | undefined;
  const cancel = () => {
    // The tasks of a key that has ended go on.
    if (keys.hasEnded(key)) return;
    cancelling = cancelTask(task, key).catch((error: unknown) => {
      if (error instanceof ApiError && error.code === "already_ended") return;
      log.warn(
        { ...aboutTask(task), err: error },
        "a task without a caller goes on",
      );
    });
  };
  if (over.aborted) cancel();
  else over.addEventListener("abort", cancel, { once: true });
  return {
    async [Symbol.asyncDispose]() {
      over.removeEventListener("abort", cancel);
      await cancelling;
    },
  };
}

/** Hints can be lost: a call that waits looks again after so long. */
const lookAgainMs = 60_000;

/** Rejects with an ApiError where the call is over first. */
async function waitForEnd(
  { keys, waitForOutcome }: AppDeps,
  { task, key, over }: Waiting,
): Promise<EndedTask> {
  let known = task;
  while (isOpen(known)) {
    if (over.aborted) throw whyOver(keys, key);
    const wait = { ms: lookAgainMs, signal: over, known };
    known = (await waitForOutcome(task.task_id, key.owner, wait)) ?? known;
  }
  return known;
}
