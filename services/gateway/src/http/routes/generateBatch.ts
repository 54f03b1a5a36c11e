import {
  GenerateBatch,
  GenerateBatchEnvelope,
  GenerateBatchResponse,
  type GenerateBatchItem,
} from "@jetscribe/schema";
import { makeLinks } from "../../calls/answerAccepted.ts";
import type { AcceptBatch } from "../../accept/acceptBatch.ts";
import { ApiError } from "../../apiError.ts";
import { acceptOptionsOf } from "../../calls/acceptOptionsOf.ts";
import { acceptedExample, BatchHeaders } from "../accepted.ts";
import type { App, AppDeps } from "../appDeps.ts";
import { untilKeyEnds } from "../auth.ts";
import { dropBody } from "../bodiesInFlight.ts";
import { acceptProblems, answer, problems, security } from "../docs.ts";
import { exampleOf, problemOf } from "../../calls/problem.ts";
import { validatorCompiler } from "../validate.ts";

const schema = {
  operationId: "generateBatch",
  tags: ["Submit"],
  summary: "Accept many prompts",
  description:
    "Each request is accepted or refused by itself, as `POST /generate` would do it; the answer tells what came of each, in " +
    "their order. 202 if all are accepted, 207 if some are not. With an Idempotency-Key the same batch can be sent again: " +
    "what was accepted is not accepted twice, and what was refused is tried again.",
  body: GenerateBatch,
  headers: BatchHeaders,
  example: {
    requests: [
      { prompt: "What is the capital of France?", max_tokens: 16 },
      { prompt: "What is the capital of Peru?", max_tokens: 16 },
    ],
  },
  response: {
    202: answer(GenerateBatchResponse, "All are stored", {
      example: { accepted: 1, refused: 0, items: [acceptedExample] },
    }),
    207: answer(GenerateBatchResponse, "Some are refused", {
      headers: {
        "Retry-After":
          "Requests that were refused for now may be accepted after so many seconds.",
      },
      example: {
        ...{ accepted: 1, refused: 1 },
        items: [acceptedExample, { problem: exampleOf("invalid_request") }],
      },
    }),
    ...problems(
      ...([401, 403, 413, 415] as const),
      ...(["rate_limited", ...acceptProblems] as const),
    ),
  },
  security,
};

/** A request that is invalid is refused by itself, when its turn comes. */
const byEnvelope = (route: Parameters<typeof validatorCompiler>[0]) =>
  validatorCompiler(
    route.httpPart === "body"
      ? { ...route, schema: GenerateBatchEnvelope }
      : route,
  );

export function generateBatchRoute(
  app: App,
  { acceptBatch, keys, log }: AppDeps,
): void {
  const linksOf = makeLinks(app.publicPath);

  function itemOf(
    settled: Awaited<ReturnType<AcceptBatch>>[number],
  ): GenerateBatchItem {
    if (settled.status === "rejected") {
      const error: unknown = settled.reason;
      if (!(error instanceof ApiError))
        log.error({ err: error }, "a request of a batch failed");
      return { problem: problemOf(error as ApiError) };
    }
    const { taskId: task_id, task } = settled.value;
    const links = linksOf(task_id);
    const replayed = task === undefined && { replayed: true as const };
    return { task_id, status: "queued", links, ...replayed };
  }

  const config = { scope: "generate" } as const;
  const options = { schema, config, validatorCompiler: byEnvelope as never };
  app.post("/generate/batch", options, async (request, reply) => {
    const { body, key } = request;
    let settled: Awaited<ReturnType<AcceptBatch>>;
    try {
      settled = await untilKeyEnds(keys, request, (ended) =>
        acceptBatch(body.requests, key, {
          ...acceptOptionsOf(request),
          ended,
        }),
      );
    } finally {
      dropBody(request);
    }
    const items = settled.map(itemOf);
    const refused = items.filter((item) => "problem" in item).length;
    const retryAfterS = retryAfterOf(settled);
    if (retryAfterS > 0) void reply.header("retry-after", String(retryAfterS));
    return reply
      .code(refused === 0 ? 202 : 207)
      .send({ accepted: items.length - refused, refused, items });
  });
}

/** The longest of what the refused requests should wait, in seconds; 0: none should come again. */
const retryAfterOf = (settled: Awaited<ReturnType<AcceptBatch>>): number =>
  Math.max(
    0,
    ...settled.map((one) => {
      const error: unknown = one.status === "rejected" && one.reason;
      return error instanceof ApiError ? (error.facts.retryAfterS ?? 0) : 0;
    }),
  );
