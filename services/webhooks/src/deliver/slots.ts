/** Pure: how many deliveries are under way at a time: in all, to one host, and of one owner. */

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

const shortestMs = 1_000;
const longestMs = 60_000;
/** Hosts whose deliveries ended without a slot would stay for ever. */
const mostRemembered = 10_000;

export type Slots = ReturnType<typeof makeSlots>;

/** `random`: 0 to 1. */
export function makeSlots(
  { inAll, perHost, perOwner }: SlotLimits,
  random: () => number = Math.random,
) {
  let used = 0;
  const hosts = new Map<string, number>();
  const owners = new Map<string, number>();
  /** By host: how many were turned away since its last slot was given, so that many that wait ask less often. */
  const turnedAway = new Map<string, number>();

  function busy(host: string): Busy {
    const before = turnedAway.get(host) ?? 0;
    if (turnedAway.size >= mostRemembered) turnedAway.clear();
    turnedAway.set(host, before + 1);
    const ms = Math.min(longestMs, shortestMs * (1 + before / perHost));
    return { kind: "busy", afterMs: ms * (0.5 + random() / 2) };
  }

  return {
    /** To be disposed of when the delivery is over. */
    take(host: string, owner: string): Slot | Busy {
      const [ofHost, ofOwner] = [hosts.get(host) ?? 0, owners.get(owner) ?? 0];
      if (used >= inAll || ofHost >= perHost || ofOwner >= perOwner)
        return busy(host);
      used++;
      hosts.set(host, ofHost + 1);
      owners.set(owner, ofOwner + 1);
      turnedAway.delete(host);
      return {
        kind: "slot",
        [Symbol.dispose]() {
          used--;
          leave(hosts, host);
          leave(owners, owner);
        },
      };
    },
    get used() {
      return used;
    },
    /** Of how many hosts something is kept. */
    get hosts() {
      return hosts.size + turnedAway.size;
    },
  };
}

function leave(counts: Map<string, number>, name: string): void {
  const left = (counts.get(name) ?? 0) - 1;
  if (left > 0) counts.set(name, left);
  else counts.delete(name);
}
