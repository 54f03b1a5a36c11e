/** The history of one task, as its events tell it. */
import * as z from "zod";
import {
  GenerateCancelled,
  GenerateCompleted,
  GenerateFailed,
  GenerateRequested,
  GenerateRetried,
  GenerateStarted,
  TaskError,
  type TaskEvent,
} from "../generate/events.ts";
import { TextRead, type RecordedTextRead } from "../audit/textRead.ts";
import { TaskTiming } from "../generate/timing.ts";
import { TaskFilter } from "./tasks.ts";

const recorded = <Type extends TaskEvent["type"], Data extends z.ZodType>(
  type: Type,
  data: Data,
) =>
  z.object({
    seq: z.int().positive().meta({ description: "Its place in the log." }),
    time: z.number().meta({
      description: "When the broker stored it, in seconds since the epoch.",
    }),
    type: z.literal(type),
    data,
  });

/**
 * The events as they stand in the log, less what is only for the system's operator: tracebacks, and what an engine wrote
 * before it died. Without the scope `read:text` the texts are left out.
 */
export const HistoryEvent = z.discriminatedUnion("type", [
  recorded("GenerateRequested", GenerateRequested),
  recorded("GenerateStarted", GenerateStarted),
  recorded("GenerateRetried", GenerateRetried.omit({ stderr_tail: true })),
  recorded("GenerateCompleted", GenerateCompleted.partial({ result: true })),
  recorded(
    "GenerateFailed",
    GenerateFailed.extend({ error: TaskError.omit({ traceback: true }) }),
  ),
  recorded("GenerateCancelled", GenerateCancelled),
]);
export type HistoryEvent = z.infer<typeof HistoryEvent>;

export const HistoryQuery = z.object({
  owner: TaskFilter.shape.owner,
  texts: z.enum(["true", "false"]).default("true").meta({
    description: "`false`: without the texts, which then nobody has read.",
  }),
});

/** That somebody read the texts of the task. */
export const ShownTextRead = TextRead.omit({ task_id: true, owner: true })
  .extend({
    time: z.number().meta({
      description: "When the broker stored it, in seconds since the epoch.",
    }),
  })
  .meta({ description: "Which key was shown which texts, and where." });
export type ShownTextRead = z.infer<typeof ShownTextRead>;

/** The record without what the task itself says. */
export const shownTextRead = ({
  seq: _seq,
  task_id: _task,
  owner: _owner,
  ...shown
}: RecordedTextRead): ShownTextRead => shown;

export const HistoryResponse = z.object({
  task_id: z.uuid(),
  status: z.enum(["queued", "processing", "completed", "failed", "cancelled"]),
  events: z.array(HistoryEvent).meta({ description: "Oldest first." }),
  timing: TaskTiming.nullable().meta({
    description:
      "Where the time went; null where the log has dropped the task's request.",
  }),
  text_reads: z.array(ShownTextRead).optional().meta({
    description:
      "Who read the texts in the dashboard, or as another owner: the newest 100, oldest first. Absent: nobody, or they could not be read in time; and for a link or read token, and in the frames of `GET /feed`.",
  }),
});
export type HistoryResponse = z.infer<typeof HistoryResponse>;
