/** What a key has left of its limits. */
import * as z from "zod";

const count = z.int().nonnegative();
const resetS = z
  .int()
  .positive()
  .meta({ description: "Seconds until a whole new limit begins." });

export const LimitsResponse = z.object({
  requests: z
    .object({
      limit: count.meta({ description: "Calls a minute." }),
      remaining: count.meta({ description: "After this call." }),
      reset_s: resetS,
    })
    .optional()
    .meta({ description: "Absent: no limit on calls." }),
  tokens: z
    .object({
      limit: count.meta({
        description: "Tokens of prompts and of answers, per day of UTC.",
      }),
      spent: count.meta({ description: "By the tasks that ended today." }),
      reserved: count.meta({
        description: "What the open tasks may take at most.",
      }),
      remaining: count,
      reset_s: resetS,
    })
    .optional()
    .meta({ description: "Absent: no limit on tokens." }),
  tasks: z
    .object({
      limit: count.meta({ description: "Unfinished tasks at a time." }),
      unfinished: count,
    })
    .optional()
    .meta({ description: "Absent: no limit on unfinished tasks." }),
});
export type LimitsResponse = z.infer<typeof LimitsResponse>;
