/** The mix of requests that a seed decides. */
import { fakeTokens } from "./fleet.ts";
import type { Random } from "@jetscribe/testing";

/**
 * - short, long: waited for, or fetched in the end
 * - streamed: its text is read as it comes, however often the connection breaks
 * - cancelled: before it starts, while it runs, or after its end
 * - too_slow: it would run past TASK_TIMEOUT
 * - hurried: it may wait only so long to be started, and some of them never long enough
 * - too_long: it doesn't fit the engine's context
 * - invalid: refused with a 400
 * - poison: the harness kills the engine at each of its starts
 * - renewed: it runs for three times ACK_WAIT and longer
 * - bulk: one of a batch, which is cancelled as a whole
 * - tenant: called with a key that has limits, or an end
 */
export type Kind =
  | "short"
  | "long"
  | "streamed"
  | "cancelled"
  | "too_slow"
  | "hurried"
  | "too_long"
  | "invalid"
  | "poison"
  | "renewed"
  | "bulk"
  | "tenant";

export interface Wanted {
  kind: Kind;
  /** Whose key it is called with; the first owner's by default. */
  owner?: string;
  /** In the prompt: tells which call a request in the log came from. */
  number: number;
  body: Record<string, unknown>;
  /** The call is sent again, with this as its `Idempotency-Key`, until it is surely answered. */
  idempotencyKey?: string;
}

const shares: [Kind, number][] = [
  ["short", 50],
  ["long", 14],
  ["streamed", 14],
  ["cancelled", 10],
  ["invalid", 6],
  ["too_long", 3],
  ["hurried", 4],
  ["too_slow", 0.5],
  ["poison", 0.5],
  ["renewed", 2],
  // These come by themselves; batches more often, where more are asked for.
  ["bulk", 0],
  ["tenant", 0],
];

export const isKind = (name: string): name is Kind =>
  shares.some(([kind]) => kind === name);

/** What the mix is made for. */
export interface Mix {
  models: readonly string[];
  owners: readonly string[];
  /** Kinds that come ten times as often. */
  more?: readonly Kind[];
  /** Kinds that don't come. */
  without?: readonly Kind[];
  /** Where webhooks go, before the owner's name; undefined: there are none. */
  webhookUrl?: string | undefined;
}

export function nextRequest(number: number, random: Random, mix: Mix): Wanted {
  const kind = pickKind(random, mix);
  const prompt = `chaos ${number} ${"words ".repeat(random.int(0, 40))}`;
  const common = { prompt, max_tokens: tokensOf(kind, random) };
  const times = timesOf(random);
  const body = {
    ...common,
    ...(random.chance(0.25) && { model: random.pick(mix.models) }),
    ...(random.chance(0.25) && { lane: "batch" }),
    ...(random.chance(0.1) && { no_retry: true }),
    ...times,
    ...(mayBeInGroup.has(kind) && !("not_before" in times) && random.chance(0.15) && groupOf(random)), // prettier-ignore
    ...changesOf(kind, common, random),
  };
  const [first = "default"] = mix.owners;
  const owner = random.chance(0.5) ? first : random.pick(mix.owners);
  if (mix.webhookUrl !== undefined && random.chance(0.3))
    Object.assign(body, webhookAt(`${mix.webhookUrl}/${owner}/${number}`, random)); // prettier-ignore
  const keyed = random.chance(0.3) && { idempotencyKey: `call ${number}` };
  return { kind, number, owner, body, ...keyed };
}

/** Half of them are told of some outcomes only. */
const webhookAt = (url: string, random: Random) => ({
  webhook: {
    url,
    ...(random.chance(0.5) && { events: random.pick(outcomes) }),
  },
});
const outcomes = [["completed"], ["failed", "cancelled"]];

/** A tenth has a deadline, a tenth is for later. */
function timesOf(random: Random): Record<string, number> {
  if (random.chance(0.1)) return { cancel_after_ms: random.int(50, 6_000) };
  if (!random.chance(0.11)) return {};
  return { not_before: (Date.now() + random.int(-500, 5_000)) / 1_000 };
}

/** A batch, whose requests have a pair of metadata in common. */
export function bulkRequests(
  number: number,
  random: Random,
  { models, owners }: Mix,
): Wanted[] {
  const owner = random.pick(owners);
  const shared = {
    metadata: { bulk: `batch-${number}` },
    ...(random.chance(0.25) && { model: random.pick(models) }),
    ...(random.chance(0.25) && { lane: "batch" }),
  };
  return Array.from({ length: random.int(2, 5) }, (_, i) => {
    const prompt = `chaos ${number + i} `;
    const body = { prompt, max_tokens: random.int(1, 120), ...shared };
    const idempotencyKey = `batch ${number}`;
    return { kind: "bulk", number: number + i, owner, body, idempotencyKey };
  });
}

/** Those that run for long would make all others of their group wait for long. */
const mayBeInGroup: ReadonlySet<Kind> = new Set<Kind>([
  "short",
  "cancelled",
  "streamed",
]);

const groups = [{ group: "solo" }, { group: "pair", group_concurrency: 2 }];
const groupOf = (random: Random) => random.pick(groups);

/** The task of an owner who has no other: nothing that comes later can wake its queue. */
export const onlyRequest = (number: number, owner: string): Wanted => ({
  ...{ kind: "renewed", number, owner },
  body: { prompt: `chaos ${number} `, max_tokens: renewedTokens[1] },
});

/** The number of the call that a prompt was made for. */
export const numberOf = (prompt: unknown): number =>
  Number(/^chaos (\d+) /.exec(String(prompt))?.[1] ?? NaN);

function pickKind(random: Random, { more, without }: Mix): Kind {
  const those = shares
    .filter(([kind]) => !without?.includes(kind))
    .map(([kind, share]) => [kind, more?.includes(kind) ? 10 * share : share] as const); // prettier-ignore
  let left = random.float() * those.reduce((sum, [, share]) => sum + share, 0);
  for (const [kind, share] of those) if ((left -= share) < 0) return kind;
  return "short";
}

/** At 20 ms each: 9 to 11 s, where ACK_WAIT is 3 s. */
const renewedTokens = [450, 550] as const;

function tokensOf(kind: Kind, random: Random): number {
  if (kind === "short") return random.int(1, 8);
  if (kind === "too_slow") return fakeTokens;
  if (kind === "renewed") return random.int(...renewedTokens);
  return random.int(20, 120);
}

function changesOf(
  kind: Kind,
  { prompt }: { prompt: string },
  random: Random,
): Record<string, unknown> {
  // Fake tokens are four characters each: this is over CONTEXT_SIZE.
  if (kind === "too_long") return { prompt: prompt + "x".repeat(40_000) };
  if (kind === "hurried")
    return { start_timeout_ms: random.pick([1, random.int(2, 3_000)]) };
  if (kind === "poison") return { no_retry: random.chance(0.5) };
  if (kind !== "invalid") return {};
  return random.pick<Record<string, unknown>>([
    { max_tokens: 0 },
    { temperature: 7 },
    { prompt: 12 },
    { surprise: true },
    { no_retry: "yes" },
    { cancel_after_ms: 0 },
    { result_ttl_ms: 999 },
    { group: "Not a name" },
    { group_policy: "latest" },
  ]);
}
