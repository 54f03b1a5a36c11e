import { CompiledRequest } from "@jetscribe/event-log/fast/compiledRequest";
import { fastPaths } from "@jetscribe/event-log/fast/fastPaths";
import {
  AcceptedResponse,
  GenerateRequest,
  isOpen,
  OutcomeResponse,
  type TaskState,
} from "@jetscribe/schema";
import * as z from "zod";
import type { App, AppDeps } from "../appDeps.ts";
import { outcomeOf } from "../../read/resultOf.ts";
import { dropBody } from "../bodiesInFlight.ts";
import { answer, problems, security } from "../docs.ts";
import { hangUp, maxWaitS } from "../wait.ts";

const headers = {
  Location: "Where the result can be read.",
  "Preference-Applied": "The wait that was kept to, if one was wished.",
};

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
    traceparent: z
      .string()
      .optional()
      .meta({ description: "W3C Trace Context: it goes with the events." }),
  }),
  response: {
    200: answer(OutcomeResponse, "The outcome, in time", { headers }),
    202: answer(AcceptedResponse, "It is stored", { headers }),
    ...problems(400, 401, 413, 415, 429, 503),
  },
  security,
};

/** W3C Trace Context, version 00. */
const traceparent = /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;

export function generateRoute(
  app: App,
  { acceptRequest, waitForOutcome }: AppDeps,
  publicPath: string,
): void {
  app.post("/generate", { schema }, async (request, reply) => {
    const { key, headers } = request;
    const trace = headers.traceparent ?? "";
    const given = traceparent.test(trace) ? trace : undefined;
    let accepted: TaskState;
    try {
      accepted = await acceptRequest(request.body, key, given);
    } finally {
      dropBody(request);
    }
    const { task_id } = accepted;
    void reply.header("location", `${publicPath}/result/${task_id}`);

    const waitS = preferredWait(headers.prefer);
    if (waitS !== undefined)
      void reply.header("preference-applied", `wait=${waitS}`);
    if (waitS !== undefined && waitS > 0) {
      const wait = {
        ms: waitS * 1_000,
        signal: hangUp(reply),
        known: accepted,
      };
      const task = await waitForOutcome(task_id, key.owner, wait);
      if (task !== undefined && !isOpen(task))
        return reply.code(200).send(outcomeOf(task));
    }
    return reply.code(202).send({ task_id, status: "queued" as const });
  });
}

/** The seconds of `Prefer: wait=N` (RFC 7240), up to the most; undefined: no such wish. */
function preferredWait(header: string | undefined): number | undefined {
  if (header === undefined) return undefined;
  const [, wish] = /(?:^|[,;\s])wait\s*=\s*"?(\d{1,9})"?/i.exec(header) ?? [];
  return wish === undefined ? undefined : Math.min(Number(wish), maxWaitS);
}
