import {
  AcceptedResponse,
  GenerateRequest,
  isOpen,
  OutcomeResponse,
  Problem,
} from "@jetscribe/schema";
import type { App, AppDeps } from "../app.ts";
import { outcomeOf } from "../../resultOf.ts";
import { dropBody } from "../bodiesInFlight.ts";
import { security } from "../docs.ts";
import { hangUp, mostWaitS, waitSeconds } from "../wait.ts";

const schema = {
  summary: "Accept a prompt",
  description:
    "Stores the request in the log and answers 202 with its task id. " +
    `With \`Prefer: wait=N\` (seconds, ${mostWaitS} at most) it answers 200 with the result if that is there in time.`,
  body: GenerateRequest,
  response: {
    200: OutcomeResponse,
    202: AcceptedResponse,
    400: Problem,
    401: Problem,
    413: Problem,
    429: Problem,
    503: Problem,
  },
  security,
};

/** W3C Trace Context, version 00. */
const traceparent = /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;

export function generateRoute(
  app: App,
  { acceptRequest, waitForOutcome }: AppDeps,
): void {
  app.post("/generate", { schema }, async (request, reply) => {
    const { key, headers } = request;
    const trace = headers["traceparent"];
    const given =
      typeof trace === "string" && traceparent.test(trace) ? trace : undefined;
    const accepted = await acceptRequest(request.body, key, given);
    dropBody(request);
    const { task_id } = accepted;
    void reply.header("location", `/result/${task_id}`);

    const waitS = preferredWait(headers["prefer"]);
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
function preferredWait(
  header: string | string[] | undefined,
): number | undefined {
  if (header === undefined) return undefined;
  const text = [header].flat().join(",");
  const [, wish] = /(?:^|[,;\s])wait\s*=\s*"?(\d{1,9})"?/i.exec(text) ?? [];
  return wish === undefined ? undefined : waitSeconds(Number(wish));
}
