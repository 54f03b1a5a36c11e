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
  /** The name whose task it is. */
  owner: z.string(),
  /** The id of the key that read, which is no secret. */
  key_id: z.string(),
  /** The name of that key. */
  key_owner: z.string(),
  /** What the answer had. */
  parts: z.array(z.string()).min(1),
  /** `dashboard`, or `api`: a call that names no surface. Others are of a later version. */
  surface: z.string(),
  /** Of the call where it named a trace, else of the task. 32 hex digits. */
  trace_id: z.string(),
});
export type TextRead = z.infer<typeof TextRead>;

/** A record that stands in AUDIT. */
export interface RecordedTextRead extends TextRead {
  seq: number;
  /** When the broker stored it, in seconds since the epoch. */
  time: number;
}
