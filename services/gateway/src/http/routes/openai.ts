/**
 * OpenAI's API: thin translations onto the functions behind `POST /generate`. A completion is a task like any other, and
 * its id is the task's behind a prefix.
 */
import {
  ChatCompletion,
  ChatCompletionRequest,
  Completion,
  CompletionRequest,
  OpenaiModel,
  OpenaiModelList,
} from "@jetscribe/schema";
import * as z from "zod";
import {
  chatForm,
  textForm,
  usageOf,
  type Completed,
  type Form,
} from "../../openai/answerOf.ts";
import { chatRequestOf, completionRequestOf } from "../../openai/requestOf.ts";
import { AcceptHeaders, replayedHeader } from "../accepted.ts";
import type { App, AppDeps } from "../appDeps.ts";
import { answer, either, security } from "../docs.ts";
import { completedExample, taskIdExample } from "../examples.ts";
import { complete } from "../openai/complete.ts";
import { rateHeaders } from "../openai/rateHeaders.ts";
import { openaiErrors } from "../openai/openaiErrors.ts";

const hangingUp =
  "The answer's id is the task's, behind a prefix. Hanging up cancels the task, unless the call has an Idempotency-Key: " +
  "then the same call can be made again, and gets the same answer. Needs the scope `read:text` too.";

const headers = {
  "X-Request-Id": "The task's id.",
  ...replayedHeader,
  ...rateHeaders,
};

/** The answer in one piece, or as a stream, with an example of each. */
function answers<T extends z.ZodType>(whole: T, form: Form) {
  const completed = completedExample as Completed;
  const model = "demo";
  const chunks = form.chunks({ taskId: taskIdExample, model });
  const events = [
    chunks.begin,
    chunks.text(completed.result),
    chunks.end(completed.finish_reason),
    chunks.usage(usageOf(completed)),
  ].flatMap((chunk) => (chunk ? `data: ${JSON.stringify(chunk)}\n\n` : []));
  return {
    200: either(
      answer(whole, "The answer, or with `stream` the chunks of it", {
        headers,
        example: form.whole(completed, model),
      }),
      answer(z.string(), "The chunks", {
        type: "text/event-stream",
        example: `${events.join("")}data: [DONE]\n\n`,
      }),
    ),
    ...openaiErrors({ makesTasks: true }),
  };
}

const shared = {
  tags: ["OpenAI"],
  headers: AcceptHeaders.omit({ prefer: true }),
  security,
};

const chatSchema = {
  ...shared,
  operationId: "createChatCompletion",
  summary: "Answer a chat",
  description: `Waits for the answer. ${hangingUp}`,
  body: ChatCompletionRequest,
  example: {
    model: "demo",
    messages: [{ role: "user", content: "What is the capital of France?" }],
    max_tokens: 16,
  },
  response: answers(ChatCompletion, chatForm),
};

const completionSchema = {
  ...shared,
  operationId: "createCompletion",
  summary: "Continue a text",
  description: `Waits for the text; no chat template is used. ${hangingUp}`,
  body: CompletionRequest,
  example: { model: "demo", prompt: "Once upon a time", max_tokens: 16 },
  response: answers(Completion, textForm),
};

const modelOf = (id: string, created: number): OpenaiModel => ({
  ...{ id, object: "model", created, owned_by: "jetscribe" },
});
const modelExample = modelOf("demo", 1_795_894_184);

const modelsSchema = {
  ...{ tags: ["OpenAI"], security },
  operationId: "listModels",
  summary: "List the models",
  description: "The default, and each that a worker announced.",
  response: {
    200: answer(OpenaiModelList, "The models", {
      example: { object: "list", data: [modelExample] },
    }),
    ...openaiErrors(),
  },
};

const modelSchema = {
  ...{ tags: ["OpenAI"], security },
  operationId: "getModel",
  summary: "Look up a model",
  description: "404 for a name that no request could ask for.",
  params: z.object({
    model: z.string().meta({ description: "Of the list, or another case." }),
  }),
  response: {
    200: answer(OpenaiModel, "The model", { example: modelExample }),
    ...openaiErrors(),
  },
};

export function openaiRoutes(app: App, deps: AppDeps): void {
  const { models } = deps;
  const created = Math.floor(Date.now() / 1_000);
  const generate = { scope: "generate" } as const;
  const read = { scope: "read" } as const;
  app.get("/v1/models", { schema: modelsSchema, config: read }, () => ({
    object: "list" as const,
    data: models.names().map((name) => modelOf(name, created)),
  }));
  app.get(
    "/v1/models/:model",
    { schema: modelSchema, config: read },
    async ({ params }) => modelOf(await models.choose(params.model), created),
  );
  app.post(
    "/v1/chat/completions",
    { schema: chatSchema, config: generate, sse: "manual" },
    (request, reply) => {
      const { body } = request;
      return complete(deps, request, reply, {
        generate: chatRequestOf(body),
        form: chatForm,
        streamed: streamedOf(body),
      });
    },
  );
  app.post(
    "/v1/completions",
    { schema: completionSchema, config: generate, sse: "manual" },
    (request, reply) => {
      const { body } = request;
      return complete(deps, request, reply, {
        generate: completionRequestOf(body),
        form: textForm,
        streamed: streamedOf(body),
      });
    },
  );
}

const streamedOf = ({
  stream,
  stream_options,
}: ChatCompletionRequest | CompletionRequest) =>
  stream ? { withUsage: stream_options?.include_usage ?? false } : undefined;
