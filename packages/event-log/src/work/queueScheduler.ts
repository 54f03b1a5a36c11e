/**
 * Which work queues may have work, and which are asked next. This file alone changes a queue's state; `fairQueueing.ts`
 * alone changes virtual times, and says whose turn it is. An owner has several queues where tasks of groups wait: they
 * share the owner's turns.
 *
 * A queue's state is the pull that is under way, and what the queue is expected to have. Empty cells: as before.
 *
 *   transition               | pull     | expected
 *   -------------------------|----------|--------------------------------------------------------
 *   woken by a wake-up       |          | woken
 *   found                    |          | woken stays, else some
 *   asked                    | asked    | some
 *   stands                   | standing | none
 *   delivered, more waits    |          | woken stays, else some
 *   delivered, nothing waits |          | woken stays, else none
 *   ended: full              | none     |
 *   ended: empty, was asked  | none     | woken stays; some, if the pull followed a wake-up and brought nothing; else none
 *   ended: empty, stood      | none     |
 *   ended: lost              | none     | woken stays, else some; the queue becomes active anew
 *   ended: gone              | the queue is forgotten
 *
 * A group's queue takes one task a turn, since the broker may hold the next one back. Its pull has waited when it comes
 * back empty, so it is not sent once more; and a queue that the worker itself fills is expected to have nothing.
 * A queue takes turns while it is expected to have something and has no standing pull: what comes meanwhile comes by
 * that pull. A wake-up can come before its message can be pulled, so an empty answer to one is asked for once more.
 */
import {
  laneShares,
  type Lane as LaneName,
  type Names,
  type Queue,
} from "@jetscribe/schema";
import type { PullEnd } from "../read/pull.ts";
import {
  charge,
  emptyGroup,
  enter,
  leave,
  lowestBy,
  shareOut,
  type Flow,
  type FlowGroup,
  type Lane,
  type OwnerFlow,
} from "./fairQueueing.ts";

/** What a queue may have: nothing, requests, or requests of which a wake-up told that is newer than the last pull. */
type Expected = "none" | "some" | "woken";

type QueueState = { expected: Expected } & (
  | { pull: "none" }
  /** A pull that does not wait; `left`: how many deliveries it may still bring. */
  | { pull: "asked"; left: number; followsWakeUp: boolean }
  | { pull: "standing" }
);

/** An owner in a lane. */
interface Owner extends OwnerFlow, FlowGroup<Entry> {
  queues: Set<Entry>;
  asked: number;
  /** Tokens of its tasks, the latest ones more than those before; undefined: none was finished. */
  meanTokens: number | undefined;
}

interface Entry extends Flow {
  queue: Queue;
  /** The name of its consumer. */
  name: string;
  owner: Owner;
  state: QueueState;
  /** When it last had work or a wake-up, by the scheduler's clock. */
  activeAt: number;
}
export type WorkQueue = Readonly<Entry>;

/** How many tasks of each queue are in the worker's hands. */
export type InHand = ReadonlyMap<WorkQueue, number>;

/** A queue without work for so long is forgotten, and its virtual time with it. */
const forgetAfterMs = 600_000;
/** So many queues have a standing pull. */
const maxStanding = 4;
/** Tokens of a task, before one was finished. */
const firstGuess = 100;
/** How much the latest task says of the next one. */
const weight = 0.2;
const learn = (mean: number, tokens: number) => mean + weight * (tokens - mean);

const takesTurns = ({ pull, expected }: QueueState) =>
  pull !== "standing" && expected !== "none";
const leftOf = (state: QueueState) => (state.pull === "asked" ? state.left : 0);
/** A wake-up may be newer than what else is known. */
const unlessWoken = (before: Expected, now: Expected): Expected =>
  before === "woken" ? before : now;

function expectedAfter(state: QueueState, end: PullEnd): Expected {
  const { expected } = state;
  if (end === "lost") return unlessWoken(expected, "some");
  if (end !== "empty" || state.pull !== "asked") return expected;
  return unlessWoken(expected, state.followsWakeUp ? "some" : "none");
}

/** `now` is a monotonic clock in ms. */
export function makeQueueScheduler(
  { workConsumerName }: Pick<Names, "workConsumerName">,
  now: () => number = () => performance.now(),
) {
  const queues = new Map<string, Entry>();
  /** By lane and name. */
  const owners = new Map<string, Owner>();
  const laneOf = (name: LaneName): Lane<Owner> => ({
    ...emptyGroup<Owner>(),
    virtualTime: 0,
    share: laneShares[name],
  });
  const lanes = { interactive: laneOf("interactive"), batch: laneOf("batch") };
  const lanesInOrder = [lanes.interactive, lanes.batch];
  const laneGroup = emptyGroup<Lane<Owner>>();
  /** Deliveries that all pulls which do not wait may still bring. */
  let asked = 0;
  /** The mean over all queues stands in for one that is not known yet. */
  let meanTokens: number | undefined;
  /** Where work was seen last, the latest first. */
  let recent: Entry[] = [];

  function become(entry: Entry, state: QueueState) {
    const more = leftOf(state) - leftOf(entry.state);
    asked += more;
    entry.owner.asked += more;
    entry.state = state;
    if (takesTurns(state)) activate(entry);
    else deactivate(entry);
  }
  const expect = (entry: Entry, expected: Expected) =>
    become(entry, { ...entry.state, expected });
  function activate(entry: Entry) {
    const lane = lanes[entry.queue.lane];
    enter(laneGroup, lane);
    enter(lane, entry.owner);
    enter(entry.owner, entry);
  }
  function deactivate(entry: Entry) {
    const lane = lanes[entry.queue.lane];
    leave(entry.owner, entry);
    if (entry.owner.backlogged.size === 0) leave(lane, entry.owner);
    if (lane.backlogged.size === 0) leave(laneGroup, lane);
  }

  function touch(entry: Entry) {
    entry.activeAt = now();
    if (recent[0] === entry) return;
    recent = [entry, ...recent.filter((other) => other !== entry)];
    recent.length = Math.min(recent.length, maxStanding);
  }
  function ownerOf({ lane, owner: name }: Queue): Owner {
    const key = `${lane}=${name}`;
    const found = owners.get(key);
    if (found !== undefined) return found;
    const owner: Owner = {
      ...emptyGroup<Entry>(),
      virtualTime: 0,
      queues: new Set(),
      asked: 0,
      meanTokens: undefined,
      get tokensPerTask() {
        return this.meanTokens ?? meanTokens ?? firstGuess;
      },
    };
    owners.set(key, owner);
    return owner;
  }
  function add(queue: Queue): Entry {
    const name = workConsumerName(queue);
    const found = queues.get(name);
    if (found !== undefined) return found;
    const entry: Entry = {
      queue,
      name,
      owner: ownerOf(queue),
      state: { pull: "none", expected: "none" },
      virtualTime: 0,
      activeAt: now(),
    };
    queues.set(name, entry);
    entry.owner.queues.add(entry);
    touch(entry);
    return entry;
  }
  function forget(entry: Entry) {
    become(entry, { pull: "none", expected: "none" });
    queues.delete(entry.name);
    const { owner, queue } = entry;
    owner.queues.delete(entry);
    if (owner.queues.size === 0) owners.delete(`${queue.lane}=${queue.owner}`);
    recent = recent.filter((other) => other !== entry);
  }

  /** How many of an owner's tasks to ask of which of its queues. */
  function shareQueues(owner: Owner, tasks: number): Map<Entry, number> {
    const plan = new Map<Entry, number>();
    const planned = (entry: Entry) => plan.get(entry) ?? 0;
    for (let left = tasks; left > 0; left--) {
      const entry = lowestBy(owner.backlogged, (one) =>
        one.queue.group !== undefined && planned(one) > 0
          ? Infinity
          : one.virtualTime + planned(one) * owner.tokensPerTask,
      );
      if (entry === undefined) break;
      plan.set(entry, planned(entry) + 1);
    }
    return plan;
  }

  return {
    named: (consumer: string): WorkQueue | undefined => queues.get(consumer),
    asked: () => asked,
    /** How many tasks to ask of which queue now, `free` in all. */
    plan: (free: number): ReadonlyMap<WorkQueue, number> =>
      new Map(
        [...shareOut(lanesInOrder, free)].flatMap(([owner, tasks]) => [
          ...shareQueues(owner, tasks),
        ]),
      ),
    recent: (): readonly WorkQueue[] => recent,

    noteWakeUp(queue: Queue) {
      const entry = add(queue);
      expect(entry, "woken");
      touch(entry);
    },
    /** Queues with so many tasks that are not acknowledged. */
    noteFound(
      found: readonly { queue: Queue; tasks: number }[],
      inHand: InHand,
    ) {
      for (const { queue, tasks } of found) {
        const known = queues.get(workConsumerName(queue));
        const ours = known === undefined ? 0 : (inHand.get(known) ?? 0);
        if (tasks <= ours) continue;
        const entry = add(queue);
        expect(entry, unlessWoken(entry.state.expected, "some"));
      }
    },
    /** A pull that does not wait was sent for so many deliveries. */
    noteAsked(entry: Entry, batch: number) {
      const followsWakeUp =
        entry.state.expected === "woken" && entry.queue.group === undefined;
      const expected = "some";
      become(entry, { pull: "asked", left: batch, followsWakeUp, expected });
    },
    noteStanding: (entry: Entry) =>
      become(entry, { pull: "standing", expected: "none" }),
    /** A delivery came; the consumer says how many messages more wait. */
    noteDelivery(entry: Entry, pending: number) {
      const { state } = entry;
      const before = state.expected;
      const expected = unlessWoken(before, pending > 0 ? "some" : "none");
      touch(entry);
      become(
        entry,
        state.pull === "asked"
          ? { ...state, left: state.left - 1, followsWakeUp: false, expected }
          : { ...state, expected },
      );
    },
    /** The worker itself has as many tasks of the group as may run. */
    noteFull: (entry: Entry) => expect(entry, "none"),
    notePullEnd(entry: Entry, end: PullEnd) {
      if (end === "gone") return forget(entry);
      // Or all would wait for a queue that does not answer, as long as it is behind with its turns.
      if (end === "lost") deactivate(entry);
      become(entry, {
        pull: "none",
        expected: expectedAfter(entry.state, end),
      });
    },
    /** Forgets the queues without work for ten minutes; those with tasks in hand have some. */
    forgetIdle(inHand: InHand) {
      const until = now() - forgetAfterMs;
      for (const entry of queues.values()) {
        if (inHand.has(entry)) entry.activeAt = now();
        const isIdle =
          entry.state.pull === "none" && entry.state.expected === "none";
        if (isIdle && entry.activeAt <= until) forget(entry);
      }
    },
    /** So many tokens more were computed for the queue; less than 0 takes back what was not. */
    charge: (entry: Entry, tokens: number) =>
      charge(lanes[entry.queue.lane], entry.owner, tokens, entry),
    /** A task came to so many tokens in all. */
    noteFinished(entry: Entry, tokens: number) {
      meanTokens = learn(meanTokens ?? tokens, tokens);
      const { owner } = entry;
      owner.meanTokens = learn(owner.meanTokens ?? tokens, tokens);
    },
  };
}
export type QueueScheduler = ReturnType<typeof makeQueueScheduler>;
