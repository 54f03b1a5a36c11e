/** Where a task's time went, as the API tells it. `timingOf.ts` makes it of the task's events. */
import * as z from "zod";
import { TasksAhead } from "./events.ts";

/**
 * - gateway: from the call's arrival until its request was stored
 * - scheduled: until its not_before, or its end before that
 * - queue: until an attempt started, or until the task ended without one
 * - prompt: from the start of an attempt to its first token
 * - generation: from the first token until the outcome was stored, or the attempt ended
 * - running: prompt and generation of an attempt whose first token nobody told
 */
export const TimingPart = z.object({
  part: z.enum([
    "gateway",
    "scheduled",
    "queue",
    "prompt",
    "generation",
    "running",
  ]),
  attempt: z.int().positive().meta({
    description: "The attempt that it belongs to, or leads to.",
  }),
  worker_id: z.string().optional(),
  start: z.number().meta({ description: "Seconds since the epoch." }),
  seconds: z.number().nonnegative(),
});
export type TimingPart = z.infer<typeof TimingPart>;

export const TaskTiming = z.object({
  start: z.number().meta({
    description: "When the call came in, in seconds since the epoch.",
  }),
  end: z.number().nullable().meta({
    description: "When the outcome was stored; null while there is none.",
  }),
  total: z.number().nonnegative().meta({
    description:
      "Seconds: exactly the sum of the parts, added in their order. Of an open task, so far.",
  }),
  parts: z.array(TimingPart).meta({
    description:
      "One after the other. `running` is prompt and generation of an attempt whose first token is not known.",
  }),
  tasks_ahead: TasksAhead.nullable().meta({
    description:
      "How many tasks were to start before it when it was accepted: of its own queue, and of all others together. Null where that was not known.",
  }),
  projection: z.null().meta({
    description:
      "From the outcome's storing to its being visible: null, since no event tells it.",
  }),
});
export type TaskTiming = z.infer<typeof TaskTiming>;
