/** Webhooks, as requests and keys name them and as `/webhooks` shows them. */
import * as z from "zod";
import { OutcomeWord } from "../generate/events.ts";
import {
  DeliveryError,
  DeliveryState,
  WebhookDelivery,
} from "../webhooks/delivery.ts";

const WebhookUrl = z
  .url({ protocol: /^https?$/, error: "expected an http or https URL" })
  .max(2_048)
  // Backslashes, tabs and line ends are read in several ways: whoever reads it otherwise would go elsewhere.
  .regex(/^[\x21-\x5b\x5d-\x7e]+$/, "printable ASCII without spaces and \\")
  .regex(/^https?:\/\/[^/?#@]+([/?#]|$)/i, "a host, no user and password")
  .meta({
    description:
      "http or https, 2,048 characters at most. Where it may lead, the settings of the webhooks service say.",
    example: "https://receiver.example/hooks/jetscribe",
  });

export const WebhookTarget = z.strictObject({
  url: WebhookUrl,
  events: z
    .array(OutcomeWord)
    .min(1)
    .refine((list) => new Set(list).size === list.length, "each one once")
    .optional()
    .meta({ description: "Only of these outcomes; absent: of each." }),
});
export type WebhookTarget = z.infer<typeof WebhookTarget>;

const time = z.number().meta({ description: "Seconds since the epoch." });

export const WebhookDeliveryResponse = WebhookDelivery.pick({
  model: true,
  status: true,
  error_type: true,
  url: true,
}).extend({
  task_id: z.string().meta({
    description: "Also the `webhook-id` that the receiver was sent.",
  }),
  state: DeliveryState.meta({
    description:
      "`pending`: it is tried again. `dead`: only a re-send tries it again.",
  }),
  attempts: z.int().meta({ description: "How often it was sent." }),
  ended_at: time,
  next_at: time.optional().meta({
    description: "When it is tried again; absent of a dead one.",
  }),
  error: DeliveryError.optional().meta({
    description:
      "Why the last attempt failed, or none was made. Absent: none has failed yet.",
  }),
  http_status: z.int().optional().meta({
    description: "Of the last answer, where there was one.",
  }),
});
export type WebhookDeliveryResponse = z.infer<typeof WebhookDeliveryResponse>;

export const WebhookListQuery = z.object({
  state: DeliveryState.optional(),
  limit: z.coerce.number().int().min(1).max(1_000).default(100),
  cursor: z
    .string()
    .regex(/^\d{1,15}$/, "expected a `next_cursor` of an earlier page")
    .optional()
    .meta({ description: "`next_cursor` of the page before." }),
});
export type WebhookListQuery = z.infer<typeof WebhookListQuery>;

export const WebhookListResponse = z.object({
  deliveries: z.array(WebhookDeliveryResponse),
  next_cursor: z
    .string()
    .optional()
    .meta({ description: "Of the next page; absent: there are no more." }),
});
export type WebhookListResponse = z.infer<typeof WebhookListResponse>;

export const WebhookSecretResponse = z.object({
  secret: z.string().meta({
    description: "`whsec_` and base64: what webhooks are signed with.",
  }),
  previous: z.array(z.string()).meta({
    description:
      "Earlier ones, with which they are signed too until the change is over.",
  }),
});
export type WebhookSecretResponse = z.infer<typeof WebhookSecretResponse>;
