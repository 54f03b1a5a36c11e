import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

/**
 * What tells a process from a later one with the same pid: when it started (and in which boot).
 * @param {number} pid
 * @returns {string | undefined} undefined: no such process
 */
export function identityOf(pid) {
  return process.platform === "linux" ? fromProc(pid) : fromPs(pid);
}

/** @param {{ pid: number, identity: string | undefined }} noted as it was written down when the process was started */
export const isAlive = ({ pid, identity }) => identityOf(pid) === identity;

/** Calls back when npm, having run this command, ends: a killed npm passes no signal on. @param {() => void} onEnd */
export function whenNpmEnds(onEnd) {
  if (!process.env.npm_lifecycle_event) return;
  const pid = launcher();
  const npm = { pid, identity: identityOf(pid) };
  const timer = setInterval(() => {
    if (isAlive(npm)) return;
    clearInterval(timer);
    onEnd();
  }, 500);
  timer.unref();
}

/**
 * Sends a signal to a process and to what it started.
 * @param {number | undefined} pid of a process that leads a group of its own
 * @param {NodeJS.Signals} signal
 */
export function killGroup(pid, signal) {
  try {
    if (pid) process.kill(-pid, signal);
  } catch {
    // nobody is left
  }
}

/** Who ran this process: its parent, or the one above the shell that only passes a command on (`sh -c`), as npm uses it. */
function launcher() {
  const shell = process.ppid;
  if (process.platform === "linux") {
    const args = readFileSync(`/proc/${shell}/cmdline`, "latin1").split("\0");
    return args[1] === "-c" ? Number(procStat(shell)[1]) : shell;
  }
  const ps = execFileSync("ps", ["-o", "ppid=,args=", "-p", String(shell)]);
  const [, parent, option] = /^\s*(\d+)\s+\S+\s+(\S+)/.exec(String(ps)) ?? [];
  return option === "-c" ? Number(parent) : shell;
}

/** @param {number} pid */
function fromProc(pid) {
  try {
    const fields = procStat(pid);
    const [state, startTicks] = [fields[0], fields[19]];
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "latin1");
    return state === "Z" ? undefined : `${boot.trim()}/${startTicks}`;
  } catch {
    return undefined;
  }
}

/** The fixed fields of its `stat`: state, parent and so on. @param {number} pid */
function procStat(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  // The command, in brackets, may hold spaces and brackets itself: the fixed fields begin after the last one.
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
}

/** @param {number} pid */
function fromPs(pid) {
  try {
    const args = ["-o", "state=,lstart=", "-p", String(pid)];
    const options = { env: { ...process.env, LC_ALL: "C" } };
    const line = execFileSync("ps", args, options).toString().trim();
    return line === "" || line.startsWith("Z")
      ? undefined
      : line.replace(/^\S+\s+/, "");
  } catch {
    return undefined;
  }
}
