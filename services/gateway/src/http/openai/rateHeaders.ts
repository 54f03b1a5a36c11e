/** What a key has left of its limits, in the headers that OpenAI's API has and its clients read. */
import type { LimitsResponse } from "@jetscribe/schema";
import type { RateUse } from "@jetscribe/task-store";

/** Of its calls. */
export const requestHeaders = ({ limit, remaining, resetS }: RateUse) => ({
  "x-ratelimit-limit-requests": limit,
  "x-ratelimit-remaining-requests": remaining,
  "x-ratelimit-reset-requests": durationOf(resetS),
});

/** Of its tokens of this day, if it has a limit on them. */
export const tokenHeaders = ({ tokens }: Pick<LimitsResponse, "tokens">) =>
  tokens === undefined
    ? {}
    : {
        "x-ratelimit-limit-tokens": tokens.limit,
        "x-ratelimit-remaining-tokens": tokens.remaining,
        "x-ratelimit-reset-tokens": durationOf(tokens.reset_s),
      };

/** For the documents. */
export const rateHeaders = Object.fromEntries(
  [
    ["requests", "calls a minute"],
    ["tokens", "tokens of this day (UTC)"],
  ].flatMap(([of, what]) => [
    [`x-ratelimit-limit-${of}`, `The key's limit, in ${what}, if it has one.`],
    [`x-ratelimit-remaining-${of}`, `What is left of it.`],
    [`x-ratelimit-reset-${of}`, `When all of it is there again, as \`1m30s\`.`],
  ]),
) as Record<string, string>;

/** Whole seconds, at least one unit: `7s`, `1m30s`, `11h22m33s`. */
function durationOf(seconds: number): string {
  const parts = [
    [Math.floor(seconds / 3_600), "h"],
    [Math.floor(seconds / 60) % 60, "m"],
    [seconds % 60, "s"],
  ] as const;
  const first = parts.findIndex(([count]) => count > 0);
  return parts
    .slice(first)
    .map(([count, unit]) => `${count}${unit}`)
    .join("");
}
