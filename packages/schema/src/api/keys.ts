/** The bodies of `/admin/keys`. */
import * as z from "zod";
import { Webhook } from "../generate/events.ts";
import { slugIfAny } from "../generate/slug.ts";
import { KeyLimits, Scope } from "../keys/key.ts";
import { printable } from "./labels.ts";
import { WebhookTarget } from "./webhooks.ts";

const time = z.number().meta({ description: "Seconds since the epoch." });

const scopes = z
  .array(Scope)
  .min(1)
  .refine((list) => new Set(list).size === list.length, "each one once")
  .refine(
    (list) => !list.includes("read:text") || list.includes("read"),
    "read:text needs read",
  );
/** The year 9999: what is later is in milliseconds, and no date that clients can show. */
const latest = 253_402_300_799;
/** Ten years. */
const longestS = 315_360_000;

const lifetime = {
  expires_in: z
    .int()
    .min(1)
    .max(longestS)
    .optional()
    .meta({ description: "Seconds from now." }),
  expires_at: time
    .positive()
    .max(latest)
    .optional()
    .meta({ description: "Seconds since the epoch, instead of `expires_in`." }),
};
const hasOneLifetime = (body: { expires_in?: unknown; expires_at?: unknown }) =>
  body.expires_in === undefined || body.expires_at === undefined;
const otherwise = {
  path: ["expires_at"],
  message: "either this or expires_in",
};

const everydayScopes = Scope.options.filter((scope) => scope !== "admin");

export const CreateKeyRequest = z
  .strictObject({
    name: z
      .string()
      .min(1)
      .max(64)
      .refine((text) => printable.test(text), "printable characters only")
      .refine((text) => text === text.trim(), "no spaces at its ends")
      .refine(
        (text) => slugIfAny(text) !== undefined,
        "needs a letter or a digit",
      )
      .meta({
        description:
          "The owner of the key's tasks. Keys with one name see the same tasks.",
        example: "team-a",
      }),
    scopes: scopes
      .default(everydayScopes)
      .meta({ description: "By default all but `admin`." }),
    limits: KeyLimits.optional(),
    webhook: WebhookTarget.optional().meta({
      description: "Of the key's requests that name none.",
    }),
    ...lifetime,
    rotate: z.boolean().default(false).meta({
      description:
        "The key shares its name, and so its tasks, with the keys that have it, or had it. Without this such a name is refused.",
    }),
  })
  .refine(hasOneLifetime, otherwise);
export type CreateKeyRequest = z.infer<typeof CreateKeyRequest>;

export const ChangeKeyRequest = z
  .strictObject({
    scopes: scopes.optional(),
    limits: KeyLimits.optional().meta({
      description: "All of them: a limit that is not named is lifted.",
    }),
    webhook: WebhookTarget.nullable().optional().meta({
      description:
        "Of the key's requests that name none; null: they have none.",
    }),
    ...lifetime,
    expires_at: lifetime.expires_at.nullable().meta({
      description: "Seconds since the epoch; null: it does not expire.",
    }),
  })
  .refine(hasOneLifetime, otherwise);
export type ChangeKeyRequest = z.infer<typeof ChangeKeyRequest>;

export const KeyResponse = z.object({
  id: z.string().meta({ description: "Names the key in these calls." }),
  name: z.string(),
  prefix: z.string().nullable().meta({
    description: "How the key begins; null for a key of `API_KEYS`.",
  }),
  source: z.enum(["api", "settings"]).meta({
    description:
      "`settings`: it stands in `API_KEYS`, and is changed and revoked there.",
  }),
  status: z.enum(["active", "expired", "revoked"]),
  scopes: z.array(Scope),
  limits: KeyLimits.optional(),
  webhook: Webhook.optional(),
  created_at: time.nullable(),
  expires_at: time.nullable(),
  revoked_at: time.nullable(),
  last_used_at: time.nullable().meta({
    description:
      "To about a minute. It is kept in Redis only: null also where an emptied Redis lost it.",
  }),
});
export type KeyResponse = z.infer<typeof KeyResponse>;

export const CreatedKeyResponse = KeyResponse.extend({
  key: z.string().meta({
    description: "The key itself. No other answer ever tells it.",
  }),
});
export type CreatedKeyResponse = z.infer<typeof CreatedKeyResponse>;

export const KeyListResponse = z.object({ keys: z.array(KeyResponse) });
export type KeyListResponse = z.infer<typeof KeyListResponse>;
