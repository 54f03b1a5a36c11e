/** What a call that makes a task says in its headers, and how it is answered. */
import { AcceptedResponse, maxWaitS, OutcomeResponse } from "@jetscribe/schema";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import * as z from "zod";
import type { AcceptOnce } from "../accept/acceptOnce.ts";
import { CancelAfter, IdempotencyKey } from "../calls/acceptOptionsOf.ts";
import { makeAnswerAccepted, makeLinks } from "../calls/answerAccepted.ts";
import type { AppDeps } from "./appDeps.ts";
import { endOfCall } from "./auth.ts";
import { answer } from "./docs.ts";
import { completedExample, taskIdExample } from "./examples.ts";

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

type Call = Pick<FastifyRequest, "key"> & { headers: AcceptHeaders };
type Made = Awaited<ReturnType<AcceptOnce>>;

/** The function sends the 202, or the 200 with the outcome where `Prefer: wait=N` is kept to. */
export function makeSendAccepted(
  deps: Pick<AppDeps, "keys" | "waitForOutcome" | "clock">,
  publicPath: string,
) {
  const answerAccepted = makeAnswerAccepted(deps, publicPath);
  return (
    request: Call,
    reply: FastifyReply,
    made: Made,
  ): void | Promise<void> => {
    const { key, headers } = request;
    const over = () => endOfCall(deps.keys, request, reply);
    const answered = answerAccepted({ key, over }, made, headers.prefer);
    void reply.headers(answered.headers);
    void reply.header("location", `${publicPath}/result/${made.taskId}`);
    const { answer } = answered;
    return answer instanceof Promise
      ? answer.then((late) => send(reply, late))
      : send(reply, answer);
  };
}

function send(
  reply: FastifyReply,
  { status, body }: { status: 200 | 202; body: string | OutcomeResponse },
): void {
  if (typeof body === "string")
    void reply.header("content-type", "application/json; charset=utf-8");
  void reply.code(status).send(body);
}
