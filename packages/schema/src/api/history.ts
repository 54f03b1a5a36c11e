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
import { TaskTiming } from "../generate/timing.ts";

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

export const HistoryResponse = z.object({
  task_id: z.uuid(),
  status: z.enum(["queued", "processing", "completed", "failed", "cancelled"]),
  events: z.array(HistoryEvent).meta({ description: "Oldest first." }),
  timing: TaskTiming.nullable().meta({
    description:
      "Where the time went; null where the log has dropped the task's request.",
  }),
});
export type HistoryResponse = z.infer<typeof HistoryResponse>;
