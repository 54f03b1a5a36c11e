import { CompiledRequest } from "@jetscribe/event-log/fast/compiledRequest";
import { fastPaths } from "@jetscribe/event-log/fast/fastPaths";
import {
  AcceptedResponse,
  GenerateRequest,
  isOpen,
  OutcomeResponse,
} from "@jetscribe/schema";
import * as z from "zod";
import type { AcceptOnce } from "../../accept/acceptOnce.ts";
import { ApiError } from "../../apiError.ts";
import type { App, AppDeps } from "../appDeps.ts";
import { outcomeOf } from "../../read/resultOf.ts";
import { dropBody } from "../bodiesInFlight.ts";
import { answer, problems, security } from "../docs.ts";
import { hangUp, maxWaitS } from "../taskOfCall.ts";

const headers = {
  Location: "Where the result can be read.",
  "Preference-Applied": "The wait that was kept to, if one was wished.",
  "Idempotency-Replayed":
    "`true`: an earlier call with the same Idempotency-Key made the task.",
};

const IdempotencyKey = z
  .string()
  .regex(
    /^[\x20-\x7e]{1,255}$/,
    "expected 1 to 255 printable ASCII characters",
  );

const schema = {
  operationId: "generate",
  summary: "Accept a prompt",
  description:
    "Stores the request in the log and answers 202 with its task id. A field that is null counts as absent. " +
    `With \`Prefer: wait=N\` (seconds, ${maxWaitS} at most) it answers 200 with the result if that is there in time.`,
  body: fastPaths ? CompiledRequest : GenerateRequest,
  headers: z.object({
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
    traceparent: z
      .string()
      .optional()
      .meta({ description: "W3C Trace Context: it goes with the events." }),
  }),
  response: {
    200: answer(OutcomeResponse, "The outcome, in time", { headers }),
    202: answer(AcceptedResponse, "It is stored", { headers }),
    ...problems(400, 401, 413, 415, 422, 429, 503),
  },
  security,
};

/** W3C Trace Context, version 00. */
const traceparent = /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;

export function generateRoute(app: App, deps: AppDeps, publicPath: string) {
  app.post("/generate", { schema }, async (request, reply) => {
    const { key, headers } = request;
    const trace = headers.traceparent ?? "";
    const given = traceparent.test(trace) ? trace : undefined;
    let accepted: Awaited<ReturnType<AcceptOnce>>;
    try {
      accepted = await deps.acceptOnce(request.body, key, {
        traceparent: given,
        idempotencyKey: idempotencyKeyOf(headers["idempotency-key"]),
      });
    } finally {
      dropBody(request);
    }
    const { taskId: task_id, task } = accepted;
    if (!task) void reply.header("idempotency-replayed", "true");
    void reply.header("location", `${publicPath}/result/${task_id}`);

    const waitS = preferredWait(headers.prefer);
    if (waitS !== undefined)
      void reply.header("preference-applied", `wait=${waitS}`);
    if (waitS !== undefined && waitS > 0) {
      const wait = {
        ms: waitS * 1_000,
        signal: hangUp(reply),
        ...(task && { known: task }),
      };
      const found = await deps.waitForOutcome(task_id, key.owner, wait);
      if (found !== undefined && !isOpen(found))
        return reply.code(200).send(outcomeOf(found));
    }
    return reply.code(202).send({ task_id, status: "queued" as const });
  });
}

/** Throws an ApiError where it is no key. */
function idempotencyKeyOf(header: string | undefined): string | undefined {
  if (header === undefined) return undefined;
  const { data, error } = IdempotencyKey.safeParse(header);
  if (error === undefined) return data;
  const [issue] = error.issues;
  throw new ApiError("invalid_request", `Idempotency-Key: ${issue?.message}`);
}

/** The seconds of `Prefer: wait=N` (RFC 7240), up to the most; undefined: no such wish. */
function preferredWait(header: string | undefined): number | undefined {
  if (header === undefined) return undefined;
  const [, wish] = /(?:^|[,;\s])wait\s*=\s*"?(\d{1,9})"?/i.exec(header) ?? [];
  return wish === undefined ? undefined : Math.min(Number(wish), maxWaitS);
}
