/** CPU time and resident memory of processes, from Linux's /proc. */
import { readdirSync, readFileSync } from "node:fs";

interface Process {
  pid: number;
  parent: number;
  /** Milliseconds, user and system, in steps of 10. */
  cpuMs: number;
  /** Bytes. */
  resident: number;
}

/** What one part of the system, its children included, has used. */
export interface Usage {
  cpuMs: number;
  resident: number;
}

const TICK_MS = 10;
const PAGE_BYTES = 4_096;

/** What each of the named processes uses now, with everything below it. */
export function usageOf<Name extends string>(
  roots: Record<Name, number | undefined>,
): Record<Name, Usage> {
  const all = readAll();
  const entries = Object.entries<number | undefined>(roots).map(
    ([name, pid]) => [name, sum(below(pid, all))] as const,
  );
  return Object.fromEntries(entries) as Record<Name, Usage>;
}

/** How long a process's main thread has run, and has waited for a core that others had, in ms. */
export function mainThreadOf(pid: number | undefined) {
  const text = readFileSync(`/proc/${pid}/schedstat`, "latin1");
  const [ranNs = 0, waitedNs = 0] = text.split(" ").map(Number);
  return { ranMs: ranNs / 1e6, waitedMs: waitedNs / 1e6 };
}

function sum(processes: Process[]): Usage {
  return {
    cpuMs: processes.reduce((total, { cpuMs }) => total + cpuMs, 0),
    resident: processes.reduce((total, { resident }) => total + resident, 0),
  };
}

function below(pid: number | undefined, all: Process[]): Process[] {
  const own = all.filter((one) => one.pid === pid);
  const children = all.filter((one) => one.parent === pid);
  return [...own, ...children.flatMap((child) => below(child.pid, all))];
}

function readAll(): Process[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => readOne(Number(name)) ?? []);
}

/** Undefined: it has ended meanwhile. */
function readOne(pid: number): Process | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  } catch {
    return undefined;
  }
  // proc(5): the second field, the name, is in brackets and may hold anything; the third comes first here.
  const fields = stat
    .slice(stat.lastIndexOf(")") + 2)
    .split(" ")
    .map(Number);
  const [, parent = 0] = fields;
  // utime, stime, and those of the children that have ended.
  const ticks = fields.slice(11, 15).reduce((total, n) => total + n, 0);
  const resident = (fields[21] ?? 0) * PAGE_BYTES;
  return { pid, parent, cpuMs: ticks * TICK_MS, resident };
}
