import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { onTestFinished, test } from "vitest";

/**
 * Takes the lock again and again, and notes where another one has it too. Every second time it leaves what a killed
 * holder leaves.
 */
const contender = `
  import { closeSync, openSync, renameSync, rmSync, writeFileSync } from "node:fs";
  import { tryLock } from ${JSON.stringify(import.meta.resolve("./lock.mjs"))};
  const [lock, times] = process.argv.slice(1);
  let both = 0;
  for (let taken = 0; taken < Number(times);) {
    const mine = tryLock(lock);
    if ("holder" in mine) continue;
    taken++;
    try {
      closeSync(openSync(lock + ".inside", "wx"));
    } catch {
      both++;
    }
    rmSync(lock + ".inside", { force: true });
    if (taken % 2 === 0) mine.release();
    else {
      const dead = lock + ".killed." + process.pid;
      writeFileSync(dead, JSON.stringify({ pid: process.pid, identity: "killed" }));
      renameSync(dead, lock);
    }
  }
  console.log(both);`;

test("one process has the lock at a time, also where dead ones have left it", async ({
  signal,
}) => {
  const dir = mkdtempSync(join(tmpdir(), "jetscribe-lock-"));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const args = ["--input-type=module", "--eval", contender, join(dir, "lock"), "200"]; // prettier-ignore
  const runs = [1, 2, 3, 4].map(() =>
    promisify(execFile)(process.execPath, args, { signal }),
  );
  for (const { stdout } of await Promise.all(runs)) assert.equal(stdout, "0\n");
});
