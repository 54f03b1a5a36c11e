/** The bodies of `POST /dashboard/links` and `GET /dashboard/links/self`. */
import * as z from "zod";

/** An absent body stands for one without fields. */
export const LinkRequest = z.preprocess(
  (body) => body ?? {},
  z.strictObject({
    expires_in: z.int().min(1).max(604_800).default(86_400).meta({
      description:
        "Seconds from now, a week at most. The link ends earlier where its key does.",
    }),
    text: z.boolean().default(false).meta({
      description:
        "Also prompts and texts, for which the key needs the scope `read:text`.",
    }),
    all_owners: z.boolean().default(false).meta({
      description:
        "Also the tasks of other owners, without their texts, for which the key needs the scope `admin`.",
    }),
  }),
);

const expires_at = z
  .number()
  .meta({ description: "Seconds since the epoch, as all times." });

export const LinkResponse = z.object({
  url: z.string().meta({
    description:
      "The path of the dashboard, with the token behind `#`, which no browser sends to a server.",
  }),
  token: z.string().meta({
    description:
      "For GET calls, in the place of an API key: as `X-API-Key` or as `Authorization: Bearer`, and never in an address.",
  }),
  expires_at,
});
export type LinkResponse = z.infer<typeof LinkResponse>;

export const LinkSelfResponse = z.object({
  owner: z.string().meta({ description: "The name of the key that made it." }),
  text: z.boolean().meta({ description: "Whether it shows texts." }),
  all_owners: z
    .boolean()
    .meta({ description: "Whether it shows the tasks of every owner." }),
  expires_at,
});
export type LinkSelfResponse = z.infer<typeof LinkSelfResponse>;
