import { OutcomeResponse, PendingResponse } from "@jetscribe/schema";
import { readResult } from "../../calls/readResult.ts";
import { textPartsIn } from "../../read/textParts.ts";
import type { App, AppDeps } from "../appDeps.ts";
import { endOfCall, refuseEnded } from "../auth.ts";
import { answer, problems, readSecurity } from "../docs.ts";
import { completedExample, taskIdExample } from "../examples.ts";
import { recordRead, SurfaceHeader } from "../recordRead.ts";
import { TaskParams, WaitQuery } from "../taskParams.ts";

const schema = {
  operationId: "getResult",
  tags: ["Read"],
  summary: "Read the result",
  description:
    "200 with the outcome, 202 while there is none. Without the scope `read:text` it has no text. Right after a 202 of `POST /generate` it is never 404.",
  params: TaskParams,
  querystring: WaitQuery,
  headers: SurfaceHeader,
  response: {
    200: answer(OutcomeResponse, "The outcome", { example: completedExample }),
    202: answer(PendingResponse, "It has none yet", {
      example: { status: "processing", task_id: taskIdExample },
    }),
    ...problems(400, 401, 403, 404, "rate_limited", 503),
  },
  security: readSecurity,
};

export function resultRoute(app: App, deps: AppDeps): void {
  const config = { scope: "read", readToken: true } as const;
  app.get("/result/:task_id", { schema, config }, async (request, reply) => {
    const { key } = request;
    const waitMs = request.query.wait * 1_000;
    const over = () => endOfCall(deps.keys, request, reply);
    const wanted = { taskId: request.params.task_id, waitMs };
    const result = await readResult(deps, { key, over }, wanted);
    if (waitMs > 0) refuseEnded(deps.keys, request);
    if (result.status === 202) return reply.code(202).send(result.body);
    const { task, body: outcome } = result;
    await recordRead(deps.audit, request, task, textPartsIn([outcome]));
    refuseEnded(deps.keys, request);
    return reply.code(200).send(outcome);
  });
}
