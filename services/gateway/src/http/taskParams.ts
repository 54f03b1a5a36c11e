/** What calls about one task have in their path and query. */
import { maxWaitS } from "@jetscribe/schema";
import * as z from "zod";

export const TaskParams = z.object({
  // Swift, .NET and some databases print UUIDs in capitals: the same one, by RFC 9562.
  task_id: z
    .string()
    .toLowerCase()
    .meta({ description: "Of the 202 of POST /generate." }),
});

/** The query of calls that can wait for the outcome. What else it holds is ignored, as a cache buster. */
export const WaitQuery = z.object({
  wait: z.coerce
    .number()
    .min(0)
    .max(maxWaitS)
    .default(0)
    .meta({ description: "Wait for the outcome, so many seconds at most." }),
});
