import { isOpen, OutcomeResponse, PendingResponse } from "@jetscribe/schema";
import type { ReadTask } from "../../read/readTask.ts";
import { outcomeOf, pendingOf } from "../../read/resultOf.ts";
import type { App, AppDeps } from "../appDeps.ts";
import { answer, problems, security } from "../docs.ts";
import { taskOfCall, TaskParams, hangUp, WaitQuery } from "../taskOfCall.ts";

const schema = {
  operationId: "getResult",
  summary: "Read the result",
  description:
    "200 with the outcome, 202 while there is none. Right after a 202 of `POST /generate` it is never 404.",
  params: TaskParams,
  querystring: WaitQuery,
  response: {
    200: answer(OutcomeResponse, "The outcome"),
    202: answer(PendingResponse, "It has none yet"),
    ...problems(400, 401, 404, 503),
  },
  security,
};

export function resultRoute(app: App, deps: AppDeps): void {
  app.get("/result/:task_id", { schema }, async (request, reply) => {
    const ms = request.query.wait * 1_000;
    const waiting: ReadTask = (taskId, owner) =>
      deps.waitForOutcome(taskId, owner, { ms, signal: hangUp(reply) });
    const task = await taskOfCall(ms > 0 ? waiting : deps.readTask, request);
    return isOpen(task)
      ? reply.code(202).send(pendingOf(task))
      : reply.code(200).send(outcomeOf(task));
  });
}
