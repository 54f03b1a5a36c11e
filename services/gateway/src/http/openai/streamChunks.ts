/** A task's text as OpenAI's chunks, in Server-Sent Events. */
import { aboutTask, type OpenaiError, type TaskState } from "@jetscribe/schema";
import type { FastifyReply } from "fastify";
import { setTimeout as sleep } from "node:timers/promises";
import type { ApiKey } from "../../keys/apiKeys.ts";
import { usageOf, type Form } from "../../openai/answerOf.ts";
import {
  readAnswer,
  TextChanged,
  type Piece,
} from "../../openai/readAnswer.ts";
import { TaskFailed } from "../../openai/taskFailed.ts";
import { unavailable, type ApiError } from "../../apiError.ts";
import type { AppDeps } from "../appDeps.ts";
import { unknownKey, type CallKeys } from "../auth.ts";
import { problemOf } from "../../calls/problem.ts";
import { openaiErrorOf } from "./openaiError.ts";

/** The task of a call that waits. */
export interface Waiting {
  task: TaskState;
  key: ApiKey;
  /** Aborts when the caller is gone, or the gateway stops. */
  over: AbortSignal;
}

/** Why a call ends that did not end by itself. */
export const whyOver = (keys: CallKeys, key: ApiKey): ApiError =>
  keys.hasEnded(key) ? unknownKey() : unavailable("the gateway is stopping");

/**
 * So long the status of the answer is held back: a task that fails at once is refused by it, as OpenAI's clients expect.
 * From then on comments keep proxies from giving the connection up.
 */
const holdBackMs = 10_000;

/** Rejects where nothing was sent: with TaskFailed, or an ApiError. What goes wrong later is the last event. */
export async function streamChunks(
  { keys, log, streamTask }: AppDeps,
  { task, key, over }: Waiting,
  reply: FastifyReply,
  form: Form,
  { withUsage }: { withUsage: boolean },
): Promise<void> {
  const { task_id, model } = task;
  const events = streamTask(task, {
    owner: key.owner,
    lastEventId: undefined,
    signal: over,
    onSlow() {
      if (reply.raw.destroyed) return;
      log.warn(aboutTask(task), "a stream's reader is too slow: dropped");
      reply.raw.destroy();
    },
  });
  const pieces = readAnswer(events, () => whyOver(keys, key));
  const first = pieces.next();
  await orAfter(holdBackMs, first);
  void reply.header("content-type", "text/event-stream; charset=utf-8");
  await reply.sse.send(chunks());

  async function* chunks() {
    const { begin, text, end, usage } = form.chunks({ taskId: task_id, model });
    const written = (chunk: object) => ({
      data: { ...chunk, ...(withUsage && { usage: null }) },
    });
    try {
      if (begin) yield written(begin);
      for await (const piece of resumed(first, pieces))
        if ("text" in piece) yield written(text(piece.text));
        else {
          const { completed } = piece;
          yield written(end(completed.finish_reason));
          if (withUsage) yield { data: usage(usageOf(completed)) };
          yield "[DONE]";
        }
    } catch (error) {
      if (!(error instanceof TaskFailed) && !over.aborted)
        log.warn({ ...aboutTask(task), err: error }, "a stream was broken off");
      yield { data: errorOf(error, task_id) };
    }
  }
}

/** Resolves when the promise does, and after so long at the latest. */
async function orAfter(ms: number, first: Promise<unknown>): Promise<void> {
  const sleeping = new AbortController();
  const { signal } = sleeping;
  const over = sleep(ms, undefined, { signal }).catch(() => undefined);
  await Promise.race([first, over]).finally(() => sleeping.abort());
}

/** All of a generator that was asked for its first value already. */
async function* resumed(
  first: Promise<IteratorResult<Piece, void>>,
  rest: AsyncGenerator<Piece, void>,
): AsyncGenerator<Piece, void> {
  const { done, value } = await first;
  if (done) return;
  yield value;
  yield* rest;
}

function errorOf(error: unknown, taskId: string): OpenaiError {
  if (error instanceof TaskFailed) return error.body;
  if (!(error instanceof TextChanged)) {
    const given = error instanceof Error ? error : new Error(String(error));
    return openaiErrorOf(given, problemOf(given)).body;
  }
  const message = `the task began anew and wrote another text: GET /result/${taskId} will have it`;
  const code = "text_changed";
  return { error: { message, type: "server_error", param: null, code } };
}
