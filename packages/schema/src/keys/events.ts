/**
 * The events of API keys, in the stream KEYS. Each is a CloudEvent in binary mode, as the events of tasks are. The key
 * itself stands in none of them. An event never changes its meaning: add an optional field, or a `.v2` beside it.
 */
import * as z from "zod";
import { Webhook } from "../generate/events.ts";
import { KeyLimits } from "./key.ts";

/** Seconds since the epoch, by the broker's clock. */
const Time = z.number().nonnegative();

/** Names a key that was made through the API: letters and digits. It is no secret, and stands in the key itself. */
export const KeyId = z.string().regex(/^[A-Za-z0-9]{12}$/);

/** What a key may do. A scope or a limit that this version does not know is passed over by it. */
const settings = {
  scopes: z.array(z.string()),
  limits: z.object(KeyLimits.shape).optional(),
  /** Absent: never. */
  expires_at: Time.optional(),
  /** Of the key's requests that name none; absent: they have none. */
  webhook: Webhook.optional(),
};
/** The id of the key that asked for it. */
const by = z.string();

export const KeyCreated = z.object({
  key_id: KeyId,
  /** It stands in the events of tasks as `owner`. */
  name: z.string(),
  /** The beginning of the key, by which people tell keys apart. */
  prefix: z.string(),
  /** The SHA-256 of the key in hex. */
  digest: z.string().regex(/^[0-9a-f]{64}$/),
  ...settings,
  by,
});
export type KeyCreated = z.infer<typeof KeyCreated>;

/** All settings as they are from now on. */
export const KeyChanged = z.object({ key_id: KeyId, ...settings, by });
export type KeyChanged = z.infer<typeof KeyChanged>;

/** The key stops working for ever. */
export const KeyRevoked = z.object({ key_id: KeyId, by });
export type KeyRevoked = z.infer<typeof KeyRevoked>;

/** Every type: its schema, and its word in the subject. */
export const keyEventTypes = {
  KeyCreated: { schema: KeyCreated, word: "created" },
  KeyChanged: { schema: KeyChanged, word: "changed" },
  KeyRevoked: { schema: KeyRevoked, word: "revoked" },
} as const;
export type KeyEventType = keyof typeof keyEventTypes;
export type KeyEventWord = (typeof keyEventTypes)[KeyEventType]["word"];

export type KeyEvent = {
  [T in KeyEventType]: {
    type: T;
    data: z.infer<(typeof keyEventTypes)[T]["schema"]>;
  };
}[KeyEventType];

/** An event that stands in KEYS. */
export type RecordedKeyEvent = KeyEvent & {
  seq: number;
  /** When the broker stored it, in seconds since the epoch. */
  time: number;
};
