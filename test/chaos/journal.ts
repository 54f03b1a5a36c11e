/** What the harness did to the system, and when: the excuses that the checker accepts. */
export interface Entry {
  fault: string;
  /** `inference-1`, `nats`, `connections` … */
  target: string;
  /** The worker whose process or engine it hit. */
  workerId: string | undefined;
  /** ms since the epoch. */
  from: number;
  /** Undefined: not over yet. */
  to: number | undefined;
}

/** Whether an entry falls into a time; `marginMs` longer than it lasted, at both ends. */
export const overlaps = (
  { from, to }: Entry,
  begin: number,
  end: number,
  marginMs = 0,
): boolean => from <= end + marginMs && (to ?? Infinity) >= begin - marginMs;

/** How much of a time lies outside of all faults, in ms; the entries stand in the order of their beginnings, as a journal has them. */
export function quietTime(
  from: number,
  until: number,
  journal: readonly Entry[],
): number {
  let quietMs = 0;
  let at = from;
  for (const entry of journal) {
    quietMs += Math.max(0, Math.min(entry.from, until) - at);
    at = Math.max(at, Math.min(entry.to ?? Infinity, until));
  }
  return quietMs + Math.max(0, until - at);
}

export interface Journal {
  readonly entries: readonly Entry[];
  /** Notes the beginning of a fault; call what it gives at its end. */
  begin(fault: string, target: string, workerId?: string): () => void;
}

export function makeJournal(onEntry: (line: string) => void): Journal {
  const entries: Entry[] = [];
  return {
    entries,
    begin(fault, target, workerId) {
      const entry: Entry = {
        fault,
        target,
        workerId,
        from: Date.now(),
        to: undefined,
      };
      entries.push(entry);
      return () => {
        entry.to = Date.now();
        onEntry(formatEntry(entry));
      };
    },
  };
}

export function formatEntry({ fault, target, workerId, from, to }: Entry) {
  const time = new Date(from).toISOString().slice(11, 23);
  const lasted = to === undefined ? "not over" : `${to - from} ms`;
  const worker = workerId === undefined ? "" : ` ${workerId}`;
  return `${time} ${fault} ${target}${worker} (${lasted})`;
}
