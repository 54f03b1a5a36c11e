/** For the documents: how a call of OpenAI's API is refused. */
import { ErrorType, OpenaiError } from "@jetscribe/schema";
import { STATUS_CODES } from "node:http";
import { UnknownModel } from "../../accept/models.ts";
import { ApiError, type ApiErrorCode } from "../../apiError.ts";
import { TaskFailed } from "../../openai/taskFailed.ts";
import { retryAfter, type Answer, type Example } from "../docs.ts";
import { exampleOf, problemKind } from "../../calls/problem.ts";
import { openaiErrorOf } from "./openaiError.ts";

interface Refusal {
  status: number;
  name: string;
  body: OpenaiError;
}

const refusalOf = (code: ApiErrorCode): Refusal => ({
  name: problemKind(code).title,
  ...openaiErrorOf(new ApiError(code, ""), exampleOf(code)),
});

/** What any call of a key may be answered. */
const ofAnyCall = (
  [
    ...["invalid_request", "unauthorized", "forbidden", "rate_limited"],
    "unavailable",
  ] as ApiErrorCode[]
).map(refusalOf);

const unknownModel: Refusal = {
  name: "There is no such model",
  ...openaiErrorOf(new UnknownModel("invalid_request", ""), {
    ...exampleOf("invalid_request"),
    errors: [
      { field: "model", message: "there is no such model; there are: demo" },
    ],
  }),
};

const ofAcceptance = (
  [
    ...["too_large", "unsupported_media_type", "idempotency_key_reused"],
    ...["too_many_tasks", "queue_full", "log_full", "maybe_accepted"],
  ] as ApiErrorCode[]
).map(refusalOf);

const ofOutcomes = [
  new TaskFailed(),
  ...ErrorType.options.map((type) => new TaskFailed({ type, message: "…" })),
].map(({ status, body, message }) => ({ status, body, name: message }));

/** By status. `makesTasks`: the call can also be refused, or fail, as one that makes a task. */
export function openaiErrors({ makesTasks = false } = {}) {
  const all = [...ofAnyCall, unknownModel];
  if (makesTasks) all.push(...ofAcceptance, ...ofOutcomes);
  const byStatus = Map.groupBy(all, ({ status }) => status);
  return Object.fromEntries([
    ...[...byStatus].map(([status, same]) => [status, of(same)]),
    ["default", of([refusalOf("method_not_allowed")])],
  ]) as Record<"default", Answer<typeof OpenaiError>>;
}

function of(refusals: readonly Refusal[]): Answer<typeof OpenaiError> {
  const [{ status } = { status: 0 }] = refusals;
  const comesBack = status === 429 || status === 503;
  const examples = refusals.map(({ name, body }): [string, Example] => [
    String(body.error.code),
    { summary: name, value: body },
  ]);
  return {
    description: STATUS_CODES[status] ?? "Any other refusal",
    headers: comesBack ? retryAfter : {},
    content: {
      "application/json": {
        schema: OpenaiError,
        examples: Object.fromEntries(examples),
      },
    },
  };
}
