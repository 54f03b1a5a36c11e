/** How a call that made a task is answered: at once, or with the outcome where the caller wishes to wait for it. */
import {
  isOpen,
  maxWaitS,
  type OutcomeResponse,
  type TaskLinks,
} from "@jetscribe/schema";
import type { BrokerClock } from "@jetscribe/event-log/broker/brokerClock";
import type { AcceptOnce } from "../accept/acceptOnce.ts";
import { visibleOutcome } from "../read/resultOf.ts";
import type { WaitForOutcome } from "../read/waitForOutcome.ts";
import type { Call } from "./call.ts";

/** `publicPath`: the path that a proxy serves the gateway under; "": none. */
export const makeLinks =
  (publicPath: string) =>
  (taskId: string): TaskLinks => ({
    status: `${publicPath}/status/${taskId}`,
    result: `${publicPath}/result/${taskId}`,
    stream: `${publicPath}/stream/${taskId}`,
    cancel: `${publicPath}/cancel/${taskId}`,
    events: `${publicPath}/tasks/${taskId}/events`,
  });

/**
 * The body of a 202, as `JSON.stringify` would write it: ids and paths have nothing in them that needs escaping, and the
 * answer to every accepted prompt is written by this.
 */
export function makeAcceptedBody(publicPath: string) {
  const path = JSON.stringify(publicPath).slice(1, -1);
  return (taskId: string): string =>
    `{"task_id":"${taskId}","status":"queued","links":{"status":"${path}/status/${taskId}",` +
    `"result":"${path}/result/${taskId}","stream":"${path}/stream/${taskId}",` +
    `"cancel":"${path}/cancel/${taskId}","events":"${path}/tasks/${taskId}/events"}}`;
}

type Made = Awaited<ReturnType<AcceptOnce>>;

/** The 202 is JSON already. */
type Answer = { status: 202; body: string } | { status: 200; body: OutcomeResponse }; // prettier-ignore

interface Answered {
  headers: Record<string, string>;
  /** It comes later only where it is waited for. */
  answer: Answer | Promise<Answer>;
}

interface AnswerDeps {
  waitForOutcome: WaitForOutcome;
  clock: Pick<BrokerClock, "nowS">;
}

/** `prefer`: the call's header, of which `wait=N` is kept to. */
export function makeAnswerAccepted(
  { waitForOutcome, clock }: AnswerDeps,
  publicPath: string,
) {
  const bodyOf = makeAcceptedBody(publicPath);
  const accepted = (taskId: string): Answer => ({ status: 202, body: bodyOf(taskId) }); // prettier-ignore

  async function answerInTime(
    { key, over }: Call,
    { taskId, task: known }: Made,
    waitS: number,
  ): Promise<Answer> {
    const found = await waitForOutcome(taskId, key.owner, {
      ...{ ms: waitS * 1_000, signal: over() },
      ...(known && { known }),
    });
    return found === undefined || isOpen(found)
      ? accepted(taskId)
      : { status: 200, body: visibleOutcome(found, key, clock) };
  }

  return (call: Call, made: Made, prefer: string | undefined): Answered => {
    const { taskId, task } = made;
    const headers: Answered["headers"] = {};
    if (!task) headers["Idempotency-Replayed"] = "true";
    // A wish, by RFC 7240: a key that may not read gets a 202.
    const mayRead = call.key.scopes.has("read");
    const waitS = mayRead ? preferredWait(prefer) : undefined;
    if (waitS !== undefined) headers["Preference-Applied"] = `wait=${waitS}`;
    const answer =
      waitS !== undefined && waitS > 0
        ? answerInTime(call, made, waitS)
        : accepted(taskId);
    return { headers, answer };
  };
}

/** The seconds of `Prefer: wait=N` (RFC 7240), up to the most; undefined: no such wish. */
function preferredWait(header: string | undefined): number | undefined {
  if (header === undefined) return undefined;
  const [, wish] = /(?:^|[,;\s])wait\s*=\s*"?(\d{1,9})"?/i.exec(header) ?? [];
  return wish === undefined ? undefined : Math.min(Number(wish), maxWaitS);
}
