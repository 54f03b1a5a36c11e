/** Pure: the options of `jetscribe keys` as bodies of `/admin/keys`. The gateway says what is wrong with names and values. */
import { duration } from "@jetscribe/runtime";
import type { KeyLimits } from "@jetscribe/schema";
import { usageError } from "./exit.ts";
import { parseTime } from "./options.ts";

export interface KeyOptions {
  scopes?: string;
  expiresIn?: string;
  expiresAt?: string;
  requestsPerMinute?: string;
  tokensPerDay?: string;
  maxTasks?: string;
  webhook?: string;
  webhookEvents?: string;
}

/** A new key has no limit or lifetime of its own unless the options name one. */
export const createBody = (
  name: string,
  options: KeyOptions & { rotate?: boolean },
  nowMs: number,
): object => {
  const { expires_at, webhook, ...settings } = settingsOf(options, {}, nowMs);
  return {
    ...{ name, ...settings },
    ...(expires_at !== null && expires_at !== undefined && { expires_at }),
    ...(webhook && { webhook }),
    ...(options.rotate && { rotate: true }),
  };
};

/** What no option names stays, each limit by itself: `had` are the key's limits now. */
export function changeBody(
  options: KeyOptions,
  had: KeyLimits,
  nowMs: number,
): object {
  const body = settingsOf(options, had, nowMs);
  if (Object.keys(body).length > 0) return body;
  throw usageError(
    "nothing to change: name a scope, a limit, an expiry or a webhook",
  );
}

function settingsOf(options: KeyOptions, had: KeyLimits, nowMs: number) {
  const { scopes, requestsPerMinute, tokensPerDay, maxTasks } = options;
  const named: [keyof KeyLimits, string, string | undefined][] = [
    ["requests_per_minute", "--requests-per-minute", requestsPerMinute],
    ["tokens_per_day", "--tokens-per-day", tokensPerDay],
    ["max_tasks", "--max-tasks", maxTasks],
  ];
  const limits = { ...had };
  for (const [limit, option, text] of named) {
    if (text === "none") delete limits[limit];
    else if (text !== undefined) limits[limit] = parseWhole(option, text);
  }
  const isLimited = named.some(([, , text]) => text !== undefined);
  return {
    ...(scopes !== undefined && {
      scopes: scopes.split(",").map((scope) => scope.trim()),
    }),
    ...(isLimited && { limits }),
    ...webhookOf(options),
    ...lifetimeOf(options, nowMs),
  };
}

/** The gateway's word of what is wrong with an address or an outcome is the last one. */
function webhookOf({ webhook: url, webhookEvents: events }: KeyOptions): {
  webhook?: { url: string; events?: string[] } | null;
} {
  if (events !== undefined && (url === undefined || url === "none"))
    throw usageError("--webhook-events needs --webhook: whose are they?");
  if (url === undefined) return {};
  if (url === "none") return { webhook: null };
  const list = events?.split(",").map((event) => event.trim());
  return { webhook: { url, ...(list && { events: list }) } };
}

function lifetimeOf(
  { expiresIn, expiresAt }: KeyOptions,
  nowMs: number,
): { expires_in?: number; expires_at?: number | null } {
  if (expiresIn !== undefined && expiresAt !== undefined)
    throw usageError("either --expires-in or --expires-at, not both");
  if (expiresAt !== undefined)
    return { expires_at: parseTime("--expires-at", expiresAt, nowMs) };
  if (expiresIn === "never") return { expires_at: null };
  return expiresIn === undefined ? {} : { expires_in: secondsOf(expiresIn) };
}

function secondsOf(text: string): number {
  const { data, success } = duration().safeParse(text);
  if (success) return Math.round(data / 1_000);
  throw usageError(
    `--expires-in ${text}: expected 90s, 30m, 12h, 30d or never`,
  );
}

function parseWhole(option: string, text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw usageError(`${option} ${text}: expected a whole number, or none`);
}
