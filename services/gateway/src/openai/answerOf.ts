/** Pure: a task's text and outcome as the answers and the chunks of OpenAI's API. */
import {
  taskIdTime,
  type ChatCompletion,
  type ChatCompletionChunk,
  type CompletedTask,
  type Completion,
  type CompletionChunk,
  type OpenaiUsage,
} from "@jetscribe/schema";

export type Completed = Pick<
  CompletedTask,
  | "task_id"
  | "result"
  | "reasoning"
  | "finish_reason"
  | "metrics"
  | "cached_tokens"
>;
type FinishReason = Completed["finish_reason"];

/** One of the two calls: how its answer is written, whole and in chunks. */
export interface Form<Whole = object, Chunk = object> {
  whole: (completed: Completed, model: string) => Whole;
  chunks: (task: { taskId: string; model: string }) => {
    /** Before any text; undefined: nothing. */
    begin?: Chunk;
    text: (text: string) => Chunk;
    end: (reason: FinishReason) => Chunk;
    /** Of a chunk without choices. */
    usage: (usage: OpenaiUsage) => Chunk;
  };
}

const createdAt = (taskId: string) =>
  Math.floor((taskIdTime(taskId) ?? 0) / 1_000);
const choice = { index: 0, logprobs: null } as const;
const open = { ...choice, finish_reason: null };

export const chatForm: Form<ChatCompletion, ChatCompletionChunk> = {
  whole: (completed, model) => {
    const { task_id, result, reasoning, finish_reason } = completed;
    const message = {
      role: "assistant" as const,
      content: result,
      refusal: null,
      ...(reasoning !== undefined && { reasoning_content: reasoning }),
    };
    return {
      id: `chatcmpl-${task_id}`,
      object: "chat.completion",
      created: createdAt(task_id),
      model,
      choices: [{ ...choice, message, finish_reason }],
      usage: usageOf(completed),
    };
  },
  chunks({ taskId, model }) {
    const head = {
      id: `chatcmpl-${taskId}`,
      object: "chat.completion.chunk" as const,
      created: createdAt(taskId),
      model,
    };
    const role = "assistant" as const;
    return {
      begin: {
        ...head,
        choices: [{ ...open, delta: { role, content: "" } }],
      },
      text: (content) => ({
        ...head,
        choices: [{ ...open, delta: { content } }],
      }),
      end: (finish_reason) => ({
        ...head,
        choices: [{ ...choice, delta: {}, finish_reason }],
      }),
      usage: (usage) => ({ ...head, choices: [], usage }),
    };
  },
};

export const textForm: Form<Completion, CompletionChunk> = {
  whole: (completed, model) => {
    const { task_id, result: text, finish_reason } = completed;
    return {
      id: `cmpl-${task_id}`,
      object: "text_completion",
      created: createdAt(task_id),
      model,
      choices: [{ ...choice, text, finish_reason }],
      usage: usageOf(completed),
    };
  },
  chunks({ taskId, model }) {
    const head = {
      id: `cmpl-${taskId}`,
      object: "text_completion" as const,
      created: createdAt(taskId),
      model,
    };
    return {
      text: (text) => ({ ...head, choices: [{ ...open, text }] }),
      end: (finish_reason) => ({
        ...head,
        choices: [{ ...choice, text: "", finish_reason }],
      }),
      usage: (usage) => ({ ...head, choices: [], usage }),
    };
  },
};

/** The numbers of tokens. */
export function usageOf({ metrics, cached_tokens }: Completed): OpenaiUsage {
  const { prompt_tokens, completion_tokens } = metrics;
  return {
    prompt_tokens,
    completion_tokens,
    total_tokens: prompt_tokens + completion_tokens,
    ...(cached_tokens !== undefined && {
      prompt_tokens_details: { cached_tokens },
    }),
  };
}
