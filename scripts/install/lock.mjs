import { linkSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { identityOf, isAlive } from "./processes.mjs";
import { readJson } from "./readJson.mjs";

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
      const holder = liveHolder(file) ?? removeDead(file);
      if (holder) return { holder };
    }
  } finally {
    rmSync(mine, { force: true });
  }
}

/**
 * Runs `work` while holding the lock, waiting for another process that has it. Rejects where the signal ends the waiting.
 * @template T
 * @param {string} file
 * @param {() => Promise<T>} work
 * @param {{ signal?: AbortSignal }} [options]
 * @returns {Promise<T>}
 */
export async function withLock(file, work, options) {
  let lock = tryLock(file);
  while ("holder" in lock) {
    await sleep(200, undefined, options); // a file tells nobody when it goes
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

/**
 * Removes the lock of a dead holder; gives who is at that, if somebody else is. Whoever removes it holds a lock for that: two
 * at once could remove one and then a fresh one that has taken its place.
 * @param {string} file
 * @returns {Holder | undefined}
 */
function removeDead(file) {
  const removing = tryLock(`${file}.dead`);
  if ("holder" in removing) return removing.holder;
  const seen = `${file}.${process.pid}.seen`;
  try {
    rmSync(seen, { force: true });
    linkSync(file, seen); // it stays what it is, whatever lock the file is a moment later
    if (!liveHolder(seen)) rmSync(file);
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== "ENOENT")
      throw error;
  } finally {
    rmSync(seen, { force: true });
    removing.release();
  }
  return undefined;
}
