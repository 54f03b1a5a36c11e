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

/**
 * @param {{ pid: number, identity: string }} noted as it was written down when the process was started
 */
export function isAlive(noted) {
  return identityOf(noted.pid) === noted.identity;
}

/** @param {number} pid */
function fromProc(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    // The command, in brackets, may hold spaces and brackets itself: the fixed fields begin after the last one.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const [state, startTicks] = [fields[0], fields[19]];
    return state === "Z" ? undefined : `${bootId()}/${startTicks}`;
  } catch {
    return undefined;
  }
}

function bootId() {
  return readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();
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
