import assert from "node:assert/strict";
import {
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "vitest";
import { openCheckpoint, type Checkpoint } from "./checkpoint.ts";
import { makeLogFile, start, type Line } from "./logFile.ts";
import { filesOf, readLines, tempDir } from "../test/loggerTestKit.ts";

const day = 86_400;
const noon = Date.UTC(2026, 10, 24, 12) / 1000;
const rotating = {
  LOG_ROTATE_SIZE: 40,
  LOG_ROTATE_AGE: day * 1000,
  LOG_KEEP: 100,
};

/** Lines of ten bytes, a second apart. */
const lines = (from: number, to: number, time = noon): Line[] =>
  Array.from({ length: to - from }, (_, at) => ({
    text: `line ${String(from + at).padStart(4, "0")}`,
    time: time + at,
  }));
const texts = (from: number, to: number) =>
  lines(from, to).map(({ text }) => text);

async function withFile(
  run: (setting: {
    dir: string;
    checkpoint: Checkpoint;
    open: (
      options?: Partial<typeof rotating>,
    ) => ReturnType<typeof makeLogFile>;
  }) => void,
) {
  using dir = tempDir();
  const signal = new AbortController().signal;
  using checkpoint = await openCheckpoint(dir.path, {
    signal,
    onStandby: () => undefined,
  });
  using opened = new DisposableStack();
  run({
    dir: dir.path,
    checkpoint,
    open: (options) =>
      opened.use(
        makeLogFile(
          "log",
          { LOG_DIR: dir.path, ...rotating, ...options },
          checkpoint,
        ),
      ),
  });
}

test("a file is rotated before it would grow over its size, and named after its first line", () =>
  withFile(({ dir, open }) => {
    const file = open();
    file.restore(start, start);
    file.append(lines(0, 9));
    assert.deepEqual(filesOf(dir, "log"), [
      "log.2026-11-24T12-00-00Z.1.log",
      "log.2026-11-24T12-00-04Z.2.log",
      "log.log",
    ]);
    assert.deepEqual(readLines(dir, "log"), texts(0, 9));
    assert.deepEqual(file.position, {
      generation: 3,
      length: 10,
      began: noon + 8,
    });
  }));

test("a file has lines of one period only; a line over the size has a file of its own", () =>
  withFile(({ dir, open }) => {
    const file = open();
    file.restore(start, start);
    file.append([...lines(0, 2), ...lines(2, 4, noon + day)]);
    file.append([
      { text: "x".repeat(100), time: noon + day },
      ...lines(4, 5, noon + day),
    ]);
    assert.deepEqual(
      filesOf(dir, "log").map(
        (name) => readFileSync(join(dir, name), "utf8").length,
      ),
      [20, 20, 101, 10],
    );
  }));

test("whatever a crash left of a batch with rotations, restoring undoes it", () =>
  withFile(({ dir, checkpoint, open }) => {
    // Of these no two files have the same length.
    const uneven = lines(0, 17).map(({ text, time }, at) => ({
      ...{ text: text + "-".repeat(at % 5), time },
    }));
    const all = uneven.map(({ text }) => text);
    const before = open();
    before.restore(start, start);
    before.append(uneven.slice(0, 4));
    const mark = before.position;
    before.append(uneven.slice(4));
    const whole = filesOf(dir, "log");
    assert.equal(whole.length, 6);
    const path = (at: number) => join(dir, whole.at(at) ?? "");
    const renameBack = (at: number) => renameSync(path(at), path(-1));
    const crashes: (() => void)[] = [
      () => undefined,
      // The new file was not made yet.
      () => rmSync(path(-1)),
      // The last rotation was noted, and the file not renamed.
      () => renameBack(-2),
      // A part of a line.
      () => writeFileSync(path(-1), "line 00", { flag: "a" }),
      // A logger was killed while it restored the files.
      () => [-2, -3].forEach(renameBack),
      () => [-2, -3, -4, -5].forEach(renameBack),
      () => rmSync(path(-2)),
    ];
    for (const crash of crashes) {
      crash();
      const after = open();
      assert.ok(after.restore(mark, mark));
      assert.deepEqual(readLines(dir, "log"), all.slice(0, 4));
      assert.deepEqual(checkpoint.rotationsSince("log", mark.generation), []);
      after.append(uneven.slice(4));
      assert.deepEqual(readLines(dir, "log"), all);
      assert.deepEqual(filesOf(dir, "log"), whole);
    }
  }));

test("what is not there any more can't be restored", () =>
  withFile(({ dir, open }) => {
    const file = open({ LOG_KEEP: 1 });
    file.restore(start, start);
    file.append(lines(0, 2));
    const early = file.position;
    file.append(lines(2, 14));
    const late = file.position;
    file.prune();
    assert.deepEqual(readLines(dir, "log"), texts(8, 14));
    // A batch that is torn, with as many rotations.
    file.append(lines(14, 26));
    assert.equal(open().restore(early, late), false);
    const shorter = open();
    assert.ok(shorter.restore(late, late));
    assert.ok(shorter.intact);
    truncateSync(join(dir, "log.log"), late.length - 1);
    assert.equal(shorter.intact, false);
    assert.equal(open().restore(late, late), false);
    writeFileSync(join(dir, "log.log"), "\0".repeat(late.length));
    assert.equal(open().restore(late, late), false);
  }));
