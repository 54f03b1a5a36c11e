import {
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { identityOf, isAlive } from "./process-identity.mjs";

/** @typedef {{ pid: number, identity: string }} Holder */

/**
 * Takes a lock that dies with its process: a file that names the holder.
 * @param {string} file
 * @returns {{ holder: Holder } | { release: () => void }} who has it, if somebody else does
 */
export function tryLock(file) {
  mkdirSync(dirname(file), { recursive: true });
  const mine = `${file}.${process.pid}`;
  const text = JSON.stringify({
    pid: process.pid,
    identity: identityOf(process.pid),
  });
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
      const holder = readHolder(file);
      if (holder && isAlive(holder)) return { holder };
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
  for (;;) {
    const lock = tryLock(file);
    if ("holder" in lock) {
      await sleep(200); // a file tells nobody when it goes
      continue;
    }
    try {
      return await work();
    } finally {
      lock.release();
    }
  }
}

/** @param {string} file @returns {Holder | undefined} */
function readHolder(file) {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return undefined; // gone, or not ours
  }
}

/**
 * Removes a dead holder's lock. Two may try at once: whoever catches a fresh lock instead puts it back.
 * @param {string} file
 * @param {string} mine
 */
function setAside(file, mine) {
  const aside = `${mine}.aside`;
  try {
    renameSync(file, aside);
  } catch {
    return; // somebody else was quicker
  }
  const holder = readHolder(aside);
  if (holder && isAlive(holder)) {
    try {
      linkSync(aside, file);
    } catch {
      // a third one has it by now
    }
  }
  rmSync(aside, { force: true });
}
