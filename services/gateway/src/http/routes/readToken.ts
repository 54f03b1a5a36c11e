import { ReadTokenRequest, ReadTokenResponse } from "@jetscribe/schema";
import type { App, AppDeps } from "../appDeps.ts";
import { answer, problems, security } from "../docs.ts";
import { taskOfCall } from "../../calls/taskOfCall.ts";
import { TaskParams } from "../taskParams.ts";

const schema = {
  operationId: "createReadToken",
  tags: ["Read"],
  summary: "Let a browser read one task",
  description:
    "A token for the status, the result, the stream and the events of this task and nothing else, so that a page needs no API key. It " +
    "reads what the key that made it may read, and ends with that key. The body may be absent.",
  params: TaskParams,
  body: ReadTokenRequest,
  example: { expires_in: 300 },
  response: {
    201: answer(ReadTokenResponse, "The token, which is stored nowhere", {
      example: {
        token:
          "eyJhbGciOiJIUzI1NiJ9.eyJrZXkiOiJlbnY6ZGVmYXVsdCIsInNjb3BlIjoicmVhZCJ9.2Zr0v7kq1u8mXo5dTtYwHc3bQe6nRfSgLpJaVi9xKzE",
        expires_at: 1795894484,
      },
    }),
    ...problems(401, 403, 404, 413, 415, "rate_limited", 503),
  },
  security,
};

export function readTokenRoute(app: App, deps: AppDeps): void {
  const config = { scope: "read" } as const;
  const path = "/tasks/:task_id/token";
  app.post(path, { schema, config }, async (request, reply) => {
    const { task_id } = await taskOfCall(deps.readTask, request);
    const expires_at = Math.floor(deps.clock.nowS()) + request.body.expires_in;
    const token = await deps.readTokens.sign(task_id, request.key, expires_at);
    return reply
      .code(201)
      .header("cache-control", "no-store")
      .send({ token, expires_at });
  });
}
