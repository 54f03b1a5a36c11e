/** What an API key is allowed to do. */
import * as z from "zod";

/** What a key may be used for. Each route asks for one. */
export const Scope = z
  .enum(["generate", "read", "read:text", "cancel", "metrics", "admin"])
  .meta({
    description:
      "`generate`: post prompts. `read`: where one's tasks stand. `read:text`: their texts too, and streams. `cancel`: cancel them. " +
      "`metrics`: read metrics. `admin`: manage keys.",
  });
export type Scope = z.infer<typeof Scope>;

/** The limits of one key. An absent one is the gateway's. */
export const KeyLimits = z.strictObject({
  requests_per_minute: z.int().positive().optional(),
  tokens_per_day: z.int().positive().optional().meta({
    description: "Tokens of prompts and of answers, per day of UTC.",
  }),
  max_tasks: z
    .int()
    .positive()
    .optional()
    .meta({ description: "Unfinished tasks at a time." }),
});
export type KeyLimits = z.infer<typeof KeyLimits>;
