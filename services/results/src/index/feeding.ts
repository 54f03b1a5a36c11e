/**
 * Whether somebody feeds the task index, who reads the log anyway, so that the index needs no reader of its own:
 *
 *   starved ──something joined on──▶ fed ──nothing did for a while──▶ starved
 */
import type { Delivery } from "@jetscribe/event-log/read/pull";
import type { Position } from "./schema.ts";

export function makeFeeding(graceMs: number) {
  let fed = new AbortController();
  let starved = new AbortController();
  starved.abort();
  let timer: NodeJS.Timeout | undefined;

  function starve(): void {
    if (starved.signal.aborted) return;
    fed = new AbortController();
    starved.abort();
  }

  return {
    /** Aborts once the index is fed. */
    fed: () => fed.signal,
    /** Aborts once it is not fed any more. */
    starved: () => starved.signal,
    /** It was fed just now. */
    note(): void {
      timer ??= setTimeout(starve, graceMs);
      timer.refresh();
      if (fed.signal.aborted) return;
      starved = new AbortController();
      fed.abort();
    },
    [Symbol.dispose]: () => clearTimeout(timer),
  };
}

/**
 * Of messages that follow a place in the log, those that are new to whoever stands at another place in it. Undefined:
 * the messages don't join on there, or the two places are not of one log.
 */
export function joinOn(
  at: Position,
  after: Position,
  messages: readonly Delivery[],
): readonly Delivery[] | undefined {
  if (at.created !== after.created) return undefined;
  if (at.seq === after.seq)
    return isSame(at.id, after.id) ? messages : undefined;
  const known = messages.findIndex(({ seq }) => seq === at.seq);
  const message = messages[known];
  if (message === undefined) return undefined;
  const isOneLog = isSame(at.id, message.header("Nats-Msg-Id"));
  return isOneLog ? messages.slice(known + 1) : undefined;
}

/** An id that isn't known proves nothing, as in `compareCheckpoint`. */
const isSame = (id: string, other: string): boolean =>
  id === "" || other === "" || id === other;
