/** A key that is made while the system runs, and what its user was told. */
import type { Answer } from "./client.ts";

/**
 * - revoked: it holds a stream and a wait, and is revoked
 * - expiring: the same, and its time ends
 * - tasks, tokens, rate: it may have so many unfinished tasks, tokens a day or calls a minute, and asks for more
 */
export type TenantKind = "revoked" | "expiring" | "tasks" | "tokens" | "rate";

export interface KeyLimits {
  max_tasks?: number;
  tokens_per_day?: number;
  requests_per_minute?: number;
}

/** A call with the key. */
export interface KeyCall extends Answer {
  /** Of the gateway. */
  url: string;
  what: "probe" | "wait" | "stream";
}

export interface Tenant {
  kind: TenantKind;
  /** Its owner in the log. */
  name: string;
  id: string;
  key: string;
  limits: KeyLimits;
  /** When the answer came that it is made, in ms since the epoch. */
  madeAt: number;
  /** As the answer tells it, in ms since the epoch; undefined: never. */
  expiresAt: number | undefined;
  /** When its revocation was asked for first, and when it was answered. */
  revokedFrom?: number;
  revokedAt?: number;
  calls: KeyCall[];
}

/** A call that was to make a key. */
export interface Creation {
  name: string;
  answer: Answer;
  /** It knew that there is one of this name. */
  rotates?: boolean;
}

/** What one gateway says of all keys while nothing moves. */
export interface Roll {
  when: string;
  /** In ms since the epoch. */
  at: number;
  url: string;
  /** `GET /admin/keys`. */
  keys: Answer;
  /** `GET /limits` by the tenant's name. */
  standings: ReadonlyMap<string, Answer>;
}

export interface KeysSeen {
  tenants: readonly Tenant[];
  creations: readonly Creation[];
  rolls: readonly Roll[];
}

/** When it surely works no more, in ms since the epoch; Infinity: never. */
export const endOf = ({ revokedAt, expiresAt }: Tenant): number =>
  Math.min(revokedAt ?? Infinity, expiresAt ?? Infinity);

/** Until when it surely works. */
export const worksUntil = ({ revokedFrom, expiresAt }: Tenant): number =>
  Math.min(revokedFrom ?? Infinity, expiresAt ?? Infinity);
