/** Pure: keys as `/admin/keys` shows them. */
import type { KeyRecord, KeyResponse } from "@jetscribe/schema";
import { keyOf, type ApiKey } from "./apiKeys.ts";
import { isExpired } from "./keyRing.ts";

/** Times are seconds since the epoch. */
export function madeKeyResponse(
  record: KeyRecord,
  { nowS, usedAt }: { nowS: number; usedAt?: number | undefined },
): KeyResponse {
  const { prefix, created_at, revoked_at } = record;
  const unrevoked = isExpired(record, nowS) ? "expired" : "active";
  return {
    ...commonOf(keyOf(record), usedAt),
    ...{ prefix, source: "api", created_at },
    status: revoked_at === undefined ? unrevoked : "revoked",
    revoked_at: revoked_at ?? null,
  };
}

export const settingsKeyResponse = (
  key: ApiKey,
  usedAt?: number,
): KeyResponse => ({
  ...commonOf(key, usedAt),
  ...{ prefix: null, source: "settings", created_at: null },
  ...{ status: "active", revoked_at: null },
});

const commonOf = (
  { id, name, scopes, limits, webhook, expires_at }: ApiKey,
  usedAt: number | undefined,
) => ({
  ...{ id, name, scopes: [...scopes] },
  ...(limits && { limits }),
  ...(webhook && { webhook }),
  expires_at: expires_at ?? null,
  last_used_at: usedAt ?? null,
});
