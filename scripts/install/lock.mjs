import {
  linkSync,
  mkdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { readJson } from "./project.mjs";
import { identityOf, isAlive } from "./processes.mjs";

/** @typedef {{ pid: number, identity: string }} Holder */

/**
 * Takes a lock that dies with its process: a file that names the holder.
 * @param {string} file
 * @returns {{ holder: Holder } | { release: () => void }} who has it, if somebody else does
 */
export function tryLock(file) {
  mkdirSync(dirname(file), { recursive: true });
  const mine = `${file}.${process.pid}`;
  const { pid } = process;
  const text = JSON.stringify({ pid, identity: identityOf(pid) });
  writeFileSync(mine, text, { mode: 0o600 });
  try {
    for (;;) {
      try {
        linkSync(mine, file); // unlike writing, this either makes the whole file or finds another's
        return { release: () => rmSync(file, { force: true }) };
      } catch (error) {
        if (/** @type {NodeJS.ErrnoException} */ (error).code !== "EEXIST")
          throw error;
      }
      const holder = liveHolder(file);
      if (holder) return { holder };
      setAside(file, mine);
    }
  } finally {
    rmSync(mine, { force: true });
  }
}

/**
 * Runs `work` while holding the lock, waiting for another process that has it.
 * @template T
 * @param {string} file
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function withLock(file, work) {
  let lock = tryLock(file);
  while ("holder" in lock) {
    await sleep(200); // a file tells nobody when it goes
    lock = tryLock(file);
  }
  try {
    return await work();
  } finally {
    lock.release();
  }
}

/** @param {string} file */
function liveHolder(file) {
  /** @type {Holder | undefined} gone, or not ours */
  const holder = readJson(file);
  return holder && isAlive(holder) ? holder : undefined;
}

/** Removes a dead holder's lock. Two may try at once: whoever catches a fresh one instead puts it back. @param {string} file @param {string} mine */
function setAside(file, mine) {
  const aside = `${mine}.aside`;
  try {
    renameSync(file, aside);
  } catch {
    return; // somebody else was quicker
  }
  try {
    if (liveHolder(aside)) linkSync(aside, file);
  } catch {
    // a third one has it by now
  }
  rmSync(aside, { force: true });
}
