/** Pure: what one chunk of an upstream's stream says. Servers differ, so what can't be read is passed over. */
import { parseJson } from "@jetscribe/event-log/codec/parseJson";
import * as z from "zod";

/** What one chunk of either stream adds. */
export interface Delta {
  text: string;
  /** What the model thought before it answered, where the upstream tells that apart. */
  reasoning: string;
  /** Why the text ends here; empty: for no reason that is known. */
  finish: string | undefined;
  usage: Usage | undefined;
}

/** What an upstream sent is no part of an answer. */
export class OddAnswer extends Error {
  override readonly name = "OddAnswer";
}

const Count = z.uint32();
/** The upstream's numbers of tokens. */
const Usage = z
  .object({
    prompt_tokens: Count,
    completion_tokens: Count,
    prompt_tokens_details: z
      .object({ cached_tokens: Count })
      .catch({ cached_tokens: 0 }),
  })
  .transform((usage) => ({
    prompt: usage.prompt_tokens,
    completion: usage.completion_tokens,
    cached: usage.prompt_tokens_details.cached_tokens,
  }));
export type Usage = z.infer<typeof Usage>;

/** Throws OddAnswer where the data is no JSON, or an error. `type`: of the event. */
export function readChunk(type: string | undefined, data: string): Delta {
  const chunk = parseJson(data);
  if (chunk === undefined)
    throw new OddAnswer("it sent an event that is no JSON");
  const error = fieldOf(chunk, "error") || (type === "error" && chunk);
  if (error) throw new OddAnswer(messageOf(error));
  const choices = fieldOf(chunk, "choices");
  const choice: unknown = Array.isArray(choices) ? choices[0] : undefined;
  const message = fieldOf(choice, "delta");
  return {
    // Of `/chat/completions`, or of `/completions`.
    text: textOf(fieldOf(message, "content")) + textOf(fieldOf(choice, "text")),
    reasoning: reasoningOf(message),
    finish: finishOf(fieldOf(choice, "finish_reason")),
    usage: Usage.safeParse(fieldOf(chunk, "usage")).data,
  };
}

/** A text, or the texts of a list of parts. */
const textOf = (content: unknown): string =>
  partsOf(content)
    .map((part) => (typeof part === "string" ? part : fieldOf(part, "text")))
    .filter((text) => typeof text === "string")
    .join("");

/** By its field in vLLM and llama-server, by that in Ollama, or as parts of the content. */
const reasoningOf = (message: unknown): string =>
  textOf(fieldOf(message, "reasoning_content")) ||
  textOf(fieldOf(message, "reasoning")) ||
  thoughtsOf(fieldOf(message, "content"));

const thoughtsOf = (content: unknown): string =>
  partsOf(content)
    .map((part) => textOf(fieldOf(part, "thinking")))
    .join("");

const partsOf = (content: unknown): unknown[] =>
  Array.isArray(content) ? content : [content];

const fieldOf = (value: unknown, name: string): unknown =>
  typeof value === "object" && value !== null
    ? (value as Record<string, unknown>)[name]
    : undefined;

function finishOf(reason: unknown): string | undefined {
  if (reason === undefined || reason === null) return undefined;
  return typeof reason === "string" ? reason : "";
}

function messageOf(error: unknown): string {
  if (typeof error === "string") return error;
  const message = fieldOf(error, "message");
  return typeof message === "string" ? message : JSON.stringify(error);
}
