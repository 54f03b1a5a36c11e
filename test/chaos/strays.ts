/** Processes that were left behind. */
import { readdirSync, readFileSync } from "node:fs";
import type { Fleet } from "./fleet.ts";

interface Found {
  pid: number;
  parent: number;
  command: string;
}

/** Those of the fleet that are neither one of its members nor a child of one. Only Linux tells. */
export function straysOf(
  { members, mark }: Pick<Fleet, "members" | "mark">,
  alive: boolean,
): string[] {
  const known = new Set(alive ? members.map(({ pid }) => pid) : []);
  return marked(mark)
    .filter(({ pid, parent }) => !known.has(pid) && !known.has(parent))
    .map(({ pid, command }) => `${pid} ${command}`);
}

function marked(mark: string): Found[] {
  const pids = readNames("/proc").filter((name) => /^\d+$/.test(name));
  return pids.flatMap((pid) => {
    try {
      const environment = readFileSync(`/proc/${pid}/environ`, "latin1");
      if (!environment.includes(`CHAOS_MARK=${mark}`)) return [];
      const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
      // The command, in brackets, may hold spaces itself: the fixed fields begin after the last one.
      const [state, parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      if (state === "Z") return [];
      const command = readFileSync(`/proc/${pid}/cmdline`, "latin1");
      const words = command.replaceAll("\0", " ").trim();
      return [{ pid: Number(pid), parent: Number(parent), command: words }];
    } catch {
      return []; // gone meanwhile, or somebody else's
    }
  });
}

function readNames(dir: string): string[] {
  try {
    return readdirSync(dir);
  } catch {
    return [];
  }
}
