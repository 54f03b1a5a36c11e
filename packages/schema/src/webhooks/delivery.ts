/** A webhook that the receiver has not taken, as WEBHOOKS holds it: one record for each task, until it is delivered. */
import * as z from "zod";
import { ErrorType, OutcomeWord } from "../generate/events.ts";

/** Seconds since the epoch. */
const Time = z.number().nonnegative();

/**
 * Why an attempt failed, or none was made.
 * - connection: the name is unknown, nobody answers there, or the certificate is not valid
 * - timeout: no whole answer came in time
 * - redirect: the answer leads elsewhere, which is not followed
 * - status: any other answer than 2xx
 * - gone: the answer is 410
 * - refused: the address is one that webhooks may not go to
 * - disabled: an earlier webhook to this address was answered with 410
 * - busy: as many deliveries were under way to the host, or of the owner, as may be
 */
export const DeliveryError = z.enum([
  "connection",
  "timeout",
  "redirect",
  "status",
  "gone",
  "refused",
  "disabled",
  "busy",
]);
export type DeliveryError = z.infer<typeof DeliveryError>;

/** pending: it is tried again; dead: it is not, unless its owner asks for that. */
export const DeliveryState = z.enum(["pending", "dead"]);
export type DeliveryState = z.infer<typeof DeliveryState>;

export const WebhookDelivery = z.object({
  /** Names the webhook too: a task has one outcome. */
  task_id: z.string(),
  owner: z.string(),
  model: z.string(),
  status: OutcomeWord,
  /** Of a task that failed. */
  error_type: ErrorType.optional(),
  url: z.string(),
  /** W3C Trace Context of the call that made the task; absent: it named none. */
  traceparent: z.string().optional(),
  /** When the outcome was stored. */
  ended_at: Time,
  state: DeliveryState,
  /** How often it was sent. */
  attempts: z.int().nonnegative(),
  /** When it was to be sent first, or again at its owner's wish: for a day from then on it is tried. */
  since: Time,
  /** It is not sent before this time; of a dead one, when it was given up. */
  next_at: Time,
  error: DeliveryError.optional(),
  /** Of the last answer, where there was one. */
  http_status: z.int().optional(),
  /** Its owner asked for it: it is sent to a disabled address too. */
  asked: z.literal(true).optional(),
});
export type WebhookDelivery = z.infer<typeof WebhookDelivery>;

/** An address to which an owner is told nothing more. */
export const DisabledWebhook = z.object({ url: z.string(), since: Time });
export type DisabledWebhook = z.infer<typeof DisabledWebhook>;
