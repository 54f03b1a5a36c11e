/** The bodies of `POST /tasks/{task_id}/token`. */
import * as z from "zod";

/** An absent body stands for one without fields. */
export const ReadTokenRequest = z.preprocess(
  (body) => body ?? {},
  z.strictObject({
    expires_in: z.int().min(1).max(3_600).default(900).meta({
      description: "Seconds from now, an hour at most.",
    }),
  }),
);

export const ReadTokenResponse = z.object({
  token: z.string().meta({
    description:
      "For GET calls of this one task: as `Authorization: Bearer`, or as the query's `token`.",
  }),
  expires_at: z
    .number()
    .meta({ description: "Seconds since the epoch, as all times." }),
});
export type ReadTokenResponse = z.infer<typeof ReadTokenResponse>;
