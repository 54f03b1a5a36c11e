/**
 * Tokens of owners whose key had a limit a day when their tasks were accepted: what their open tasks may take, and what
 * the ended ones took, by the day (UTC) on which the broker stored their outcome. Tasks of other owners change nothing.
 */
import { isOpen, queueOf, type TaskState } from "@jetscribe/schema";
import type { ChainableCommander } from "ioredis";
import { addTo, type Change } from "./activeQueues.ts";
import { keys } from "./keys.ts";

export interface DayTokens {
  day: string;
  /** By their owner (a slug). */
  reserved: ReadonlyMap<string, number>;
  spent: ReadonlyMap<string, number>;
}

const dayMs = 86_400_000;

/** The day (UTC) of a time in ms since the epoch, such as 2026-11-29. */
export const dayOf = (ms: number): string =>
  new Date(ms).toISOString().slice(0, 10);

const heldBy = (task: TaskState | undefined): number =>
  task !== undefined && isOpen(task) ? (task.reserved_tokens ?? 0) : 0;

/** Adds the commands that bring the tokens to what the changed tasks make of them. */
export function writeTokens(
  commands: ChainableCommander,
  changed: readonly Change[],
): void {
  const counted = changed.filter(
    ({ after }) => after.reserved_tokens !== undefined,
  );
  if (counted.length === 0) return;
  const sums = new Map<string, { key: string; field: string; by: number }>();
  const expireAt = new Map<string, number>();
  function add(key: string, field: string, by: number) {
    const id = `${key} ${field}`;
    sums.set(id, { key, field, by: (sums.get(id)?.by ?? 0) + by });
  }
  for (const { before, after } of counted) {
    const { owner } = queueOf(after);
    add(keys.reserved, owner, heldBy(after) - heldBy(before));
    if (isOpen(after) || (before !== undefined && !isOpen(before))) continue;
    const endMs = after.end_time * 1_000;
    const key = keys.spent(dayOf(endMs));
    // A rebuild goes through days that nobody asks for any more: these expire at once.
    expireAt.set(key, (Math.floor(endMs / dayMs) + 2) * dayMs);
    const { prompt_tokens, completion_tokens } = after.metrics;
    add(key, owner, prompt_tokens + completion_tokens);
  }
  addTo(
    commands,
    [...sums.values()].filter(({ by }) => by !== 0),
  );
  for (const [key, at] of expireAt) commands.pexpireat(key, at);
}

/** Asks for them; in a transaction both are of one instant, so what a task gives back is in what was spent. */
export const askTokens = (
  commands: ChainableCommander,
  day: string,
): ChainableCommander =>
  commands.hgetall(keys.reserved).hgetall(keys.spent(day));

export function tokensIn(day: string, replies: unknown[]): DayTokens {
  const [reserved, spent] = replies as Record<string, string>[];
  return { day, reserved: numbersOf(reserved), spent: numbersOf(spent) };
}

const numbersOf = (hash: Record<string, string> = {}) =>
  new Map(Object.entries(hash).map(([owner, count]) => [owner, Number(count)]));
