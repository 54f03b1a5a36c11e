/** Pure: what a wish of an administrator makes of the keys. Functions throw an ApiError where it can't be granted. */
import {
  slugOf,
  type ChangeKeyRequest,
  type CreateKeyRequest,
  type KeyEvent,
  type KeyRecord,
} from "@jetscribe/schema";
import { ApiError } from "../apiError.ts";
import type { ApiKey } from "./apiKeys.ts";

/** What is decided over. */
export interface Now {
  records: ReadonlyMap<string, KeyRecord>;
  fromSettings: readonly ApiKey[];
  /** Seconds since the epoch. */
  nowS: number;
  /** The id of the key that asks. */
  by: string;
}

/** A key's own part of its event: made before, so that a wish that is decided again makes the same key. */
export interface MadeKey {
  key_id: string;
  prefix: string;
  digest: string;
}

export function createKey(
  request: CreateKeyRequest,
  made: MadeKey,
  { records, fromSettings, nowS, by }: Now,
): KeyEvent {
  const { name, scopes, limits, webhook } = request;
  // Ended ones too: their tasks are still there, and an expired key can be prolonged.
  const others = [...fromSettings, ...records.values()].map(
    (other) => other.name,
  );
  const alike = others.filter((other) => slugOf(other) === slugOf(name));
  const different = alike.find((other) => other !== name);
  if (different !== undefined)
    throw conflict(`the name differs too little from ${different}`);
  if (alike.length > 0 && !request.rotate)
    throw conflict(
      "another key has this name, or had it; with `rotate` both have it, and see the same tasks",
    );
  const expires_at = expiryOf(request, nowS);
  return {
    type: "KeyCreated",
    data: {
      ...{ ...made, name, scopes },
      ...(limits && { limits }),
      ...(webhook && { webhook }),
      ...(expires_at !== undefined && { expires_at }),
      by,
    },
  };
}

export function changeKey(
  id: string,
  request: ChangeKeyRequest,
  now: Now,
): KeyEvent {
  const before = recordOf(id, now);
  const { scopes, limits, revoked_at, expires_at } = before;
  if (revoked_at !== undefined) throw conflict("the key is revoked");
  const isSame =
    request.expires_at === undefined && request.expires_in === undefined;
  const until = isSame ? expires_at : expiryOf(request, now.nowS);
  const limited = request.limits ?? limits;
  const { webhook = before.webhook } = request;
  return {
    type: "KeyChanged",
    data: {
      ...{ key_id: id, scopes: request.scopes ?? scopes },
      ...(limited && { limits: limited }),
      ...(webhook && { webhook }),
      ...(until !== undefined && { expires_at: until }),
      by: now.by,
    },
  };
}

/** Undefined: the key is revoked already. */
export function revokeKey(id: string, now: Now): KeyEvent | undefined {
  const { revoked_at } = recordOf(id, now);
  if (revoked_at !== undefined) return undefined;
  return { type: "KeyRevoked", data: { key_id: id, by: now.by } };
}

function recordOf(id: string, { records, fromSettings }: Now): KeyRecord {
  if (fromSettings.some((key) => key.id === id))
    throw conflict("the key stands in API_KEYS: change it there");
  const record = records.get(id);
  if (record === undefined) throw new ApiError("not_found", "no such key");
  return record;
}

function expiryOf(
  {
    expires_in,
    expires_at,
  }: Pick<ChangeKeyRequest, "expires_in" | "expires_at">,
  nowS: number,
): number | undefined {
  if (expires_in !== undefined) return nowS + expires_in;
  if (expires_at === undefined || expires_at === null) return undefined;
  if (expires_at > nowS) return expires_at;
  const fields = [{ field: "expires_at", message: "is in the past" }];
  throw new ApiError("invalid_request", "see: expires_at", { fields });
}

const conflict = (detail: string) => new ApiError("key_conflict", detail);
