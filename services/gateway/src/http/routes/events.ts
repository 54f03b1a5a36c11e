import {
  HistoryQuery,
  HistoryResponse,
  type TaskState,
} from "@jetscribe/schema";
import type { FastifyRequest } from "fastify";
import type * as z from "zod";
import { makeTurns } from "../../accept/turns.ts";
import { ApiError, unavailable } from "../../apiError.ts";
import type { ApiKey } from "../../keys/apiKeys.ts";
import { ownerOf } from "../../list/listTasks.ts";
import { historyOf, withoutTexts } from "../../read/historyOf.ts";
import { textPartsIn } from "../../read/textParts.ts";
import type { App, AppDeps } from "../appDeps.ts";
import { refuseEnded } from "../auth.ts";
import { answer, problems, readSecurity } from "../docs.ts";
import { historyExample } from "../examples.ts";
import { recordRead, SurfaceHeader } from "../recordRead.ts";
import { taskOfCall } from "../../calls/taskOfCall.ts";
import { TaskParams } from "../taskParams.ts";

const schema = {
  operationId: "getEvents",
  tags: ["Read"],
  summary: "Read a task's history",
  description:
    "Every event of the task, oldest first, with the time and the place at which the log has it, and where the time went: " +
    "in the gateway, in the queue, and in each attempt. The texts are left out for a key without the scope `read:text`, and those of the outcome after `result_ttl_ms`. " +
    "`text_reads` tells who read the texts, to keys alone. A key with the scope `admin` may name another `owner`, whose texts it then reads on the record. " +
    "410 where the log has dropped all events of a task whose result is still known.",
  params: TaskParams,
  querystring: HistoryQuery,
  headers: SurfaceHeader,
  response: {
    200: answer(HistoryResponse, "The history", { example: historyExample }),
    ...problems(401, 403, 404, 410, "rate_limited", 503),
  },
  security: readSecurity,
};

/**
 * A small call can bring a large prompt and a large result out of the log, which take several times their size until the
 * answer is written: so few are held at once. The others wait for their turn.
 */
const atOnce = 4;
const mostWaiting = 1_000;

export function eventsRoute(app: App, deps: AppDeps): void {
  const config = { scope: "read", readToken: true } as const;
  const turns = makeTurns(atOnce);

  /** The answer's text: the events themselves are free when the turn is over. */
  async function read(
    task: TaskState,
    owner: string,
    request: FastifyRequest<{ Querystring: z.infer<typeof HistoryQuery> }>,
  ): Promise<string> {
    // The caller hung up while the call waited.
    if (request.raw.destroyed) return "";
    const { task_id } = task;
    const events = await deps.readHistory({ task_id, owner });
    if (events.length === 0)
      throw new ApiError("gone", "the log has the task's events no more");
    const { key, query } = request;
    const isAsked = query.texts === "true" && mayOpen(key, owner);
    const reader = isAsked ? key : withoutTexts;
    const history = historyOf(task, events, reader, deps.clock);
    const parts = textPartsIn(history.events.map(({ data }) => data));
    await recordRead(deps.audit, request, task, parts);
    refuseEnded(deps.keys, request);
    // Owners and administrators are told it, and nobody whom they let read.
    const isTold = key.token_expires_at === undefined;
    const reads = isTold ? await deps.audit.readsOf(task_id) : undefined;
    const text_reads = reads?.length ? reads : undefined;
    return JSON.stringify({ ...history, text_reads });
  }

  // Another owner's texts are for administrators in person, also where a link shows their tasks.
  const mayOpen = ({ link, owner: own }: ApiKey, owner: string): boolean =>
    link === undefined || owner === own;
  const path = "/tasks/:task_id/events";
  app.get(path, { schema, config }, async (request, reply) => {
    const { params } = request;
    const owner = ownerOf(request.query, request.key);
    const task = await taskOfCall(deps.readTask, { params, key: { owner } });
    if (turns.waiting >= mostWaiting)
      throw unavailable("too many histories are asked for at once");
    const text = await turns.take(() => read(task, owner, request));
    return reply.type("application/json; charset=utf-8").send(text as never);
  });
}
