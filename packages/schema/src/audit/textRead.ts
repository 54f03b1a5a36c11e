/**
 * The record that somebody opened the texts of a task, in the stream AUDIT: a CloudEvent in binary mode, as the events of
 * tasks are. It has no text and no secret. It never changes its meaning: add an optional field, or a `.v2` beside it.
 */
import * as z from "zod";

/** `prompt`: the prompt or the messages. `result`: the text of an outcome, or of a task that runs. */
export const TextPart = z.enum(["prompt", "result"]);
export type TextPart = z.infer<typeof TextPart>;

/** Where a person reads, as a call says it in its header `Jetscribe-Surface`. */
export const Surface = z.enum(["dashboard"]);
export type Surface = z.infer<typeof Surface>;

export const TextRead = z.object({
  task_id: z.string(),
  owner: z.string().describe("The name whose task it is."),
  key_id: z.string().describe("Of the key that read; it is no secret."),
  key_owner: z.string().describe("The name of that key."),
  parts: z
    .array(z.string())
    .min(1)
    .describe("What the answer had: `prompt`, `result`."),
  surface: z
    .string()
    .describe(
      "`dashboard`; `link`: by a read-only link of the key; `api`: a call that names no surface. Others are of a later version.",
    ),
  trace_id: z
    .string()
    .describe(
      "Of the call where it named a trace, else of the task: 32 hex digits.",
    ),
});
export type TextRead = z.infer<typeof TextRead>;

/** A record that stands in AUDIT. */
export interface RecordedTextRead extends TextRead {
  seq: number;
  /** When the broker stored it, in seconds since the epoch. */
  time: number;
}
