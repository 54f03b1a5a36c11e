/** A subscriber sees every event of its owner, each once and in order where repeated sequences are dropped, and no other event. */
import type { Evidence } from "../evidence.ts";
import { ownerOf, type LoggedEvent } from "../readLog.ts";
import type { Given, SubscriberSeen } from "../subscriber.ts";

export const checkSubscribers = ({
  subscribers = [],
  log,
}: Evidence): string[] => {
  // prettier-ignore
  const bySeq = new Map(log.map((event) => [event.seq, event]));
  return subscribers.flatMap((one) => checkSubscriber(one, log, bySeq));
};

function checkSubscriber(
  { owner, delivered, heard }: SubscriberSeen,
  log: readonly LoggedEvent[],
  bySeq: ReadonlyMap<number, LoggedEvent>,
): string[] {
  const say = (what: string) => `the subscriber of ${owner} ${what}`;
  const notIts = (of: readonly Given[], how: string) =>
    of
      .filter((given) => !isOf(owner, given, bySeq.get(given.seq)))
      .map(({ seq, taskId, subject }) => say(`${how} ${subject} of ${taskId} as ${seq}, which is no event of its owner`)); // prettier-ignore
  const its = log.filter((event) => ownerOf(event) === owner);
  return [
    ...(delivered === undefined ? [] : checkDelivered(delivered, its).map(say)),
    ...notIts(delivered ?? [], "was given"),
    ...notIts(heard, "heard"),
    ...heardAgain(heard).map((seq) => say(`heard ${seq} twice`)),
  ];
}

function checkDelivered(
  delivered: readonly Given[],
  its: readonly LoggedEvent[],
): string[] {
  const seqs = new Set(delivered.map(({ seq }) => seq));
  const missed = its.filter(({ seq }) => !seqs.has(seq));
  return [
    ...missed.map(({ taskId, seq, word }) => `was not given ${word} of ${taskId} at ${seq}`), // prettier-ignore
    ...overtaken(delivered).map(({ taskId, seq }) => `was given ${seq} of ${taskId} after a later event`), // prettier-ignore
  ];
}

/** Whether the log has the same event there, and the event is the owner's. */
const isOf = (owner: string, given: Given, event?: LoggedEvent): boolean =>
  event !== undefined &&
  event.messageId === given.messageId &&
  event.taskId === given.taskId &&
  ownerOf(event) === owner;

/** Those that came first after a later one. */
function overtaken(delivered: readonly Given[]): Given[] {
  const seen = new Set<number>();
  let last = 0;
  return delivered.filter(({ seq }) => {
    const isLate = !seen.has(seq) && seq < last;
    seen.add(seq);
    last = Math.max(last, seq);
    return isLate;
  });
}

function heardAgain(heard: readonly Given[]): number[] {
  const counts = Map.groupBy(heard, ({ seq }) => seq);
  return [...counts].flatMap(([seq, { length }]) => length > 1 ? [seq] : []); // prettier-ignore
}
