import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** What a part of a test run may leave nothing of, from the moment this was made. */
export interface Watch {
  /**
   * What is still there once `graceMs` have passed, in words; empty as soon as there is nothing. Ends such processes and
   * removes such files.
   */
  leftBehind(graceMs?: number): Promise<string[]>;
}

/** In the environment of every process that is started meanwhile. */
const MARK = "JETSCRIBE_TEST_MARK";
/** What tools keep in the folder for their next run: Node its compiled sources, testcontainers a lock. */
const KEPT_BY_TOOLS = /^(node-compile-cache|testcontainers-node-\d+\.lock)$/;
/** Sockets close, and processes end, a moment after they were told to. */
const GRACE_MS = 15_000;
const LOOK_EVERY_MS = 20;

let watches = 0;

/**
 * Watches this process: the timers, sockets and pipes that keep it alive; the processes that it and its children start,
 * by a mark in their environment (Linux only); and the files in the folder of temporary files, which is a new one from
 * now until the watch ends.
 */
export function watchLeftovers(): Watch {
  // Each of these is opened when it is first asked for, and stays.
  void [process.stdin, process.stdout, process.stderr];
  const before = countOf(process.getActiveResourcesInfo());
  const outer = { tmpdir: process.env["TMPDIR"], mark: process.env[MARK] };
  const folder = mkdtempSync(join(tmpdir(), "jetscribe-test-"));
  const mark = `${process.pid}.${++watches}.${Date.now()}`;
  process.env["TMPDIR"] = folder;
  process.env[MARK] = mark;

  function look(): string[] {
    return [
      ...resourcesBeyond(before),
      ...processesOf(mark).map(
        ({ pid, command }) => `process ${pid}: ${command}`,
      ),
      ...readdirSync(folder)
        .filter((name) => !KEPT_BY_TOOLS.test(name))
        .map((name) => `file ${join(folder, name)}`),
    ];
  }

  return {
    async leftBehind(graceMs = GRACE_MS) {
      const deadline = performance.now() + graceMs;
      let found = look();
      while (found.length > 0 && performance.now() < deadline) {
        await sleep(LOOK_EVERY_MS);
        found = look();
      }
      for (const { pid } of processesOf(mark)) end(pid);
      rmSync(folder, { recursive: true, force: true });
      restore("TMPDIR", outer.tmpdir);
      restore(MARK, outer.mark);
      return found;
    },
  };
}

function restore(name: string, value: string | undefined): void {
  if (value === undefined) delete process.env[name];
  else process.env[name] = value;
}

function countOf(kinds: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const kind of kinds) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return counts;
}

/** Node tells the kinds of what keeps the process alive, and no more. */
function resourcesBeyond(before: ReadonlyMap<string, number>): string[] {
  const now = countOf(process.getActiveResourcesInfo());
  return [...now].flatMap(([kind, count]) => {
    const more = count - (before.get(kind) ?? 0);
    return more > 0 ? [`${more} × ${kind}`] : [];
  });
}

function processesOf(mark: string): { pid: number; command: string }[] {
  if (process.platform !== "linux") return [];
  return readdirSync("/proc").flatMap((name) => {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid) return [];
    const isOurs = textOf(pid, "environ")
      .split("\0")
      .includes(`${MARK}=${mark}`);
    const command = () => textOf(pid, "cmdline").replaceAll("\0", " ").trim();
    return isOurs ? [{ pid, command: command() }] : [];
  });
}

/** Empty for a process that has just ended, or is somebody else's. */
function textOf(pid: number, file: "environ" | "cmdline"): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    return "";
  }
}

function end(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has just ended.
  }
}
