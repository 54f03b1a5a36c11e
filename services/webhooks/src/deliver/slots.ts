/** How many deliveries are under way at a time: in all, to one host, and of one owner. */

export interface SlotLimits {
  inAll: number;
  perHost: number;
  perOwner: number;
}

export interface Slot extends Disposable {
  kind: "slot";
}
/** There is no room: it is worth asking again after so many ms. */
export interface Busy {
  kind: "busy";
  afterMs: number;
}

interface Waiter {
  host: string;
  owner: string;
  take: (slot: Slot) => void;
}

/** A receiver that answers has a slot free by then. */
const waitMs = 1_000;
/**
 * So many wait for one host, for each slot that there is in all: a burst of webhooks waits, and nothing is stored. What is
 * in hand has room for twice as many.
 */
export const waitersPerSlot = 8;
/** Once one was turned away since the host's last slot was given: for each of its own slots. */
const waitersPerBusySlot = 16;
const shortestMs = 1_000;
const longestMs = 60_000;
/** Hosts whose deliveries ended without a slot would stay for ever. */
const mostRemembered = 10_000;

export type Slots = ReturnType<typeof makeSlots>;

/** `random`: 0 to 1. `waitForMs`: how long a call waits for a slot. */
export function makeSlots(
  { inAll, perHost, perOwner }: SlotLimits,
  {
    random = Math.random,
    waitForMs = waitMs,
  }: { random?: () => number; waitForMs?: number } = {},
) {
  let used = 0;
  const hosts = new Map<string, number>();
  const owners = new Map<string, number>();
  /** In the order in which they came. */
  const waiters = new Set<Waiter>();
  const waitersOf = new Map<string, number>();
  /** By host: how many were turned away since its last slot was given, so that many that wait ask less often. */
  const turnedAway = new Map<string, number>();

  const fits = (host: string, owner: string): boolean =>
    used < inAll &&
    (hosts.get(host) ?? 0) < perHost &&
    (owners.get(owner) ?? 0) < perOwner;

  function give(host: string, owner: string): Slot {
    used++;
    add(hosts, host, 1);
    add(owners, owner, 1);
    turnedAway.delete(host);
    return {
      kind: "slot",
      [Symbol.dispose]() {
        used--;
        add(hosts, host, -1);
        add(owners, owner, -1);
        passOn();
      },
    };
  }
  /** One slot is free: whoever has waited longest of those who may have it gets it. */
  function passOn(): void {
    for (const { host, owner, take } of waiters)
      if (fits(host, owner)) return take(give(host, owner));
  }
  function busy(host: string): Busy {
    const before = turnedAway.get(host) ?? 0;
    if (turnedAway.size >= mostRemembered) turnedAway.clear();
    turnedAway.set(host, before + 1);
    const ms = shortestMs * (1 + before / (waitersPerBusySlot * perHost));
    const afterMs = Math.min(longestMs, ms) * (0.5 + random() / 2);
    return { kind: "busy", afterMs };
  }
  function wait(host: string, owner: string): Promise<Slot | Busy> {
    const { promise, resolve } = Promise.withResolvers<Slot | Busy>();
    const end = (how: Slot | Busy) => {
      clearTimeout(timer);
      waiters.delete(waiter);
      add(waitersOf, host, -1);
      resolve(how);
    };
    const timer = setTimeout(() => end(busy(host)), waitForMs);
    const waiter = { host, owner, take: end };
    waiters.add(waiter);
    add(waitersOf, host, 1);
    return promise;
  }

  return {
    /** A slot, which is to be disposed of when the delivery is over. It may take a second. */
    async take(host: string, owner: string): Promise<Slot | Busy> {
      if (fits(host, owner)) return give(host, owner);
      const most = turnedAway.has(host)
        ? Math.min(waitersPerBusySlot * perHost, waitersPerSlot * inAll)
        : waitersPerSlot * inAll;
      const isFull = (waitersOf.get(host) ?? 0) >= most;
      return isFull ? busy(host) : await wait(host, owner);
    },
    get used() {
      return used;
    },
    /** Of how many hosts something is kept. */
    get hosts() {
      return hosts.size + turnedAway.size + waitersOf.size;
    },
  };
}

function add(counts: Map<string, number>, name: string, by: number): void {
  const now = (counts.get(name) ?? 0) + by;
  if (now > 0) counts.set(name, now);
  else counts.delete(name);
}
