/** As which key a call on NATS acts: decision 0053. */
import type { Scope } from "@jetscribe/schema";
import { ApiError } from "../apiError.ts";
import type { ApiKey } from "../keys/apiKeys.ts";
import type { KeyRing } from "../keys/keyRing.ts";

/** What calls on NATS ask of the keys. */
export interface OwnerKeys extends Pick<
  KeyRing,
  "ofOwner" | "endOf" | "hasEnded"
> {
  noteUse: (id: string) => void;
  /** Where an owner without a key may have one: keys are not read yet. */
  whyUnknown: () => ApiError | undefined;
}

/**
 * The owner's newest key that works and has the scope. Throws an ApiError where no key works, or none has the scope: whose
 * keys are revoked can't call on NATS either.
 */
export function keyFor(keys: OwnerKeys, owner: string, scope: Scope): ApiKey {
  const all = keys.ofOwner(owner);
  const key = all.find(({ scopes }) => scopes.has(scope));
  if (key !== undefined) return key;
  if (all.length === 0) throw keys.whyUnknown() ?? withoutKey();
  throw new ApiError("forbidden", `no key of the owner has the scope ${scope}`);
}

/** Of a call whose owner has no key, or whose key has ended meanwhile. */
export const withoutKey = () =>
  new ApiError("unauthorized", "the owner has no API key that works");
