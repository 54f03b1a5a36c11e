import { HistoryResponse, type TaskState } from "@jetscribe/schema";
import { makeTurns } from "../../accept/turns.ts";
import { ApiError, unavailable } from "../../apiError.ts";
import { historyOf } from "../../read/historyOf.ts";
import type { ApiKey } from "../../keys/apiKeys.ts";
import type { App, AppDeps } from "../appDeps.ts";
import { answer, problems, readSecurity } from "../docs.ts";
import { historyExample } from "../examples.ts";
import { taskOfCall, TaskParams } from "../taskOfCall.ts";

const schema = {
  operationId: "getEvents",
  tags: ["Read"],
  summary: "Read a task's history",
  description:
    "Every event of the task, oldest first, with the time and the place at which the log has it, and where the time went: " +
    "in the gateway, in the queue, and in each attempt. The texts are left out for a key without the scope `read:text`, and those of the outcome after `result_ttl_ms`. " +
    "410 where the log has dropped all events of a task whose result is still known.",
  params: TaskParams,
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
    key: ApiKey,
    { destroyed }: { destroyed: boolean },
  ): Promise<string> {
    // The caller hung up while the call waited.
    if (destroyed) return "";
    const { task_id } = task;
    const events = await deps.readHistory({ task_id, owner: key.owner });
    if (events.length === 0)
      throw new ApiError("gone", "the log has the task's events no more");
    return JSON.stringify(historyOf(task, events, key, deps.clock));
  }

  const path = "/tasks/:task_id/events";
  app.get(path, { schema, config }, async (request, reply) => {
    const task = await taskOfCall(deps.readTask, request);
    if (turns.waiting >= mostWaiting)
      throw unavailable("too many histories are asked for at once");
    const { key, raw } = request;
    const text = await turns.take(() => read(task, key, raw));
    return reply.type("application/json; charset=utf-8").send(text as never);
  });
}
