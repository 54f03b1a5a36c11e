/** How a call that made a task is answered: at once, or with the outcome where the caller wishes to wait for it. */
import {
  AcceptedResponse,
  isOpen,
  isTraceparent,
  OutcomeResponse,
  type TaskLinks,
} from "@jetscribe/schema";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import * as z from "zod";
import type { AcceptOnce } from "../accept/acceptOnce.ts";
import { ApiError } from "../apiError.ts";
import { visibleOutcome } from "../read/resultOf.ts";
import type { AppDeps } from "./appDeps.ts";
import { endOfCall } from "./auth.ts";
import { answer } from "./docs.ts";
import { completedExample, taskIdExample } from "./examples.ts";
import { maxWaitS } from "./taskOfCall.ts";

/** For the documents: the header of an answer to a call that came before. */
export const replayedHeader = {
  "Idempotency-Replayed":
    "`true`: an earlier call with the same Idempotency-Key made the task.",
};
const headers = {
  Location: "Where the result can be read.",
  "Preference-Applied": "The wait that was kept to, if one was wished.",
  ...replayedHeader,
};

/** `publicPath`: the path that a proxy serves the gateway under; "": none. */
export const makeLinks =
  (publicPath: string) =>
  (taskId: string): TaskLinks => ({
    status: `${publicPath}/status/${taskId}`,
    result: `${publicPath}/result/${taskId}`,
    stream: `${publicPath}/stream/${taskId}`,
    cancel: `${publicPath}/cancel/${taskId}`,
    events: `${publicPath}/tasks/${taskId}/events`,
  });

export const acceptedExample = {
  task_id: taskIdExample,
  status: "queued",
  links: makeLinks("")(taskIdExample),
};

/** For the documents: the answers to a call that makes a task. */
export const acceptedAnswers = {
  200: answer(OutcomeResponse, "The outcome, in time", {
    headers,
    example: completedExample,
  }),
  202: answer(AcceptedResponse, "It is stored", {
    headers,
    example: acceptedExample,
  }),
};

const IdempotencyKey = z
  .string()
  .regex(
    /^[\x20-\x7e]{1,255}$/,
    "expected 1 to 255 printable ASCII characters",
  );

/** To the millisecond; 100 days at most. */
const CancelAfter = z
  .string()
  .regex(/^\d{1,7}(?:\.\d{1,3})?$/, "expected seconds, as 90 or 1.5")
  .refine((text) => {
    const seconds = Number(text);
    return seconds > 0 && seconds <= 8_640_000;
  }, "expected more than 0 and at most 8640000 seconds");

/** For the documents: the headers that a call takes that makes a task. */
export const AcceptHeaders = z.object({
  prefer: z
    .string()
    .optional()
    .meta({
      description: `RFC 7240: wait=N, seconds, ${maxWaitS} at most.`,
    }),
  "idempotency-key": IdempotencyKey.optional().meta({
    description:
      "The same key with the same request within 24 h gets the same task, however often it is sent.",
  }),
  "cancel-after": CancelAfter.optional().meta({
    description:
      "Seconds after its acceptance when the task is cancelled if it has no outcome: `cancel_after_ms`, of which the earlier one counts.",
  }),
  traceparent: z
    .string()
    .optional()
    .meta({ description: "W3C Trace Context: it goes with the events." }),
});
export type AcceptHeaders = z.infer<typeof AcceptHeaders>;

/** As {@link AcceptHeaders}, of a call that makes many tasks, and waits for none. */
export const BatchHeaders = AcceptHeaders.omit({ prefer: true }).extend({
  "idempotency-key": IdempotencyKey.optional().meta({
    description:
      "Each request of the batch has a key of its own, made of this one and its place: the same batch within 24 h gets the same tasks.",
  }),
});

/**
 * The body of a 202, as `JSON.stringify` would write it: ids and paths have nothing in them that needs escaping, and the
 * answer to every accepted prompt is written by this.
 */
export function makeAcceptedBody(publicPath: string) {
  const path = JSON.stringify(publicPath).slice(1, -1);
  return (taskId: string): string =>
    `{"task_id":"${taskId}","status":"queued","links":{"status":"${path}/status/${taskId}",` +
    `"result":"${path}/result/${taskId}","stream":"${path}/stream/${taskId}",` +
    `"cancel":"${path}/cancel/${taskId}","events":"${path}/tasks/${taskId}/events"}}`;
}

declare module "fastify" {
  interface FastifyRequest {
    /** When its headers were there, by `performance.now()`; of a route behind `noteArrivals`. */
    arrivedAt: number;
  }
}

/** From now on the routes of this scope know when a call came in, whose body may take its time. */
export function noteArrivals(app: FastifyInstance): void {
  app.decorateRequest("arrivedAt", 0);
  app.addHook("onRequest", (request, _reply, done) => {
    request.arrivedAt = performance.now();
    done();
  });
}

/** What a call says about the task that it makes. Throws an ApiError where one of its headers makes no sense. */
export function acceptOptionsOf({
  headers,
  arrivedAt,
  traced,
}: Pick<FastifyRequest, "arrivedAt" | "traced"> & {
  headers: z.infer<typeof BatchHeaders>;
}) {
  const trace = headers.traceparent ?? "";
  const key = headers["idempotency-key"];
  const cancelAfter = headers["cancel-after"];
  return {
    arrivedAt,
    traced,
    traceparent: isTraceparent(trace) ? trace : undefined,
    idempotencyKey: headerOf("Idempotency-Key", IdempotencyKey, key),
    cancelAfterMs:
      cancelAfter === undefined
        ? undefined
        : Math.round(
            1_000 * Number(headerOf("Cancel-After", CancelAfter, cancelAfter)),
          ),
  };
}

function headerOf(
  name: string,
  schema: z.ZodType<string>,
  header: string | undefined,
): string | undefined {
  if (header === undefined) return undefined;
  const { data, error } = schema.safeParse(header);
  if (error === undefined) return data;
  const message = error.issues[0]?.message ?? "";
  throw new ApiError("invalid_request", `${name}: ${message}`, {
    fields: [{ field: name, message }],
  });
}

type Call = Pick<FastifyRequest, "key"> & { headers: AcceptHeaders };
type Made = Awaited<ReturnType<AcceptOnce>>;

/** The function sends the 202, or the 200 with the outcome where `Prefer: wait=N` is kept to. */
export function makeAnswerAccepted(
  {
    keys,
    waitForOutcome,
    clock,
  }: Pick<AppDeps, "keys" | "waitForOutcome" | "clock">,
  publicPath: string,
) {
  const bodyOf = makeAcceptedBody(publicPath);
  function accepted(reply: FastifyReply, taskId: string): void {
    void reply
      .code(202)
      .header("content-type", "application/json; charset=utf-8")
      .send(bodyOf(taskId));
  }

  async function answerInTime(
    request: Call,
    reply: FastifyReply,
    { taskId, task }: Made,
    waitS: number,
  ): Promise<void> {
    const { key } = request;
    const wait = {
      ms: waitS * 1_000,
      signal: endOfCall(keys, request, reply),
      ...(task && { known: task }),
    };
    const found = await waitForOutcome(taskId, key.owner, wait);
    if (found === undefined || isOpen(found)) accepted(reply, taskId);
    else void reply.code(200).send(visibleOutcome(found, key, clock));
  }

  return (
    request: Call,
    reply: FastifyReply,
    made: Made,
  ): void | Promise<void> => {
    const { key, headers } = request;
    const { taskId, task } = made;
    if (!task) void reply.header("idempotency-replayed", "true");
    void reply.header("location", `${publicPath}/result/${taskId}`);
    // A wish, by RFC 7240: a key that may not read gets a 202.
    const waitS = key.scopes.has("read")
      ? preferredWait(headers.prefer)
      : undefined;
    if (waitS === undefined) return accepted(reply, taskId);
    void reply.header("preference-applied", `wait=${waitS}`);
    return waitS > 0
      ? answerInTime(request, reply, made, waitS)
      : accepted(reply, taskId);
  };
}

/** The seconds of `Prefer: wait=N` (RFC 7240), up to the most; undefined: no such wish. */
function preferredWait(header: string | undefined): number | undefined {
  if (header === undefined) return undefined;
  const [, wish] = /(?:^|[,;\s])wait\s*=\s*"?(\d{1,9})"?/i.exec(header) ?? [];
  return wish === undefined ? undefined : Math.min(Number(wish), maxWaitS);
}
