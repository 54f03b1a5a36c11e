import { maxWaitS } from "@jetscribe/schema";
import type { AcceptOnce } from "../../accept/acceptOnce.ts";
import { Request } from "../../accept/request.ts";
import { acceptOptionsOf } from "../../calls/acceptOptionsOf.ts";
import {
  acceptedAnswers,
  AcceptHeaders,
  makeSendAccepted,
} from "../accepted.ts";
import type { App, AppDeps } from "../appDeps.ts";
import { dropBody } from "../bodiesInFlight.ts";
import { acceptProblems, problems, security } from "../docs.ts";

const schema = {
  operationId: "generate",
  tags: ["Submit"],
  summary: "Accept a prompt",
  description:
    "Stores the request in the log and answers 202 with its task id. A field that is null counts as absent. " +
    `With \`Prefer: wait=N\` (seconds, ${maxWaitS} at most) it answers 200 with the result if that is there in time and the key has the scope \`read\`.`,
  body: Request,
  headers: AcceptHeaders,
  example: {
    prompt: "What is the capital of France?",
    max_tokens: 16,
    temperature: 0,
  },
  response: {
    ...acceptedAnswers,
    ...problems(
      401,
      403,
      413,
      415,
      422,
      429,
      "rate_limited",
      "token_budget_spent",
      ...acceptProblems,
    ),
  },
  security,
};

export function generateRoute(app: App, deps: AppDeps) {
  const sendAccepted = makeSendAccepted(deps, app.publicPath);
  const config = { scope: "generate" } as const;
  app.post("/generate", { schema, config }, async (request, reply) => {
    const { body, key } = request;
    let accepted: Awaited<ReturnType<AcceptOnce>>;
    try {
      accepted = await deps.acceptOnce(body, key, acceptOptionsOf(request));
    } finally {
      dropBody(request);
    }
    return sendAccepted(request, reply, accepted);
  });
}
