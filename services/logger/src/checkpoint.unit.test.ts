import { newTaskId, type OpenTask, type TaskState } from "@jetscribe/schema";
import { eventually } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "vitest";
import { openCheckpoint } from "./checkpoint.ts";
import { tempDir } from "../test/loggerTestKit.ts";

const open = (
  dir: string,
  onStandby: () => void = () => undefined,
  { signal } = new AbortController(),
) => openCheckpoint(dir, { signal, onStandby });

const S = { stream: "S", hasTasks: true };
const other = { stream: "OTHER", hasTasks: false };
const mark = (seq: number) => ({
  seq,
  id: `id ${seq}`,
  created: "now",
  files: {},
});
const task = (seq: number): OpenTask => ({
  task_id: newTaskId(),
  seq,
  model: "m",
  lane: "interactive",
  owner: "a",
  enqueue_time: 0,
  timeout_ms: 1,
  start_timeout_ms: 1,
  max_tokens: 16,
  status: "queued",
  attempt: 0,
  failures: 0,
});
const ended = (open: OpenTask, end_seq: number, end_time: number) => ({
  ...open,
  status: "cancelled" as const,
  end_seq,
  end_time,
  metrics: {
    queue_wait_time: 0,
    processing_time: 0,
    total_time: 0,
    prompt_tokens: 0,
    completion_tokens: 0,
    tokens_per_second: 0,
  },
});

test("what was taken in can be cut back: later tasks go, and what ended later is open again", async () => {
  using dir = tempDir();
  const [early, late] = [task(1), task(3)];
  {
    using checkpoint = await open(dir.path);
    checkpoint.commit(S, mark(2), { time: 10, changed: [early], from: 0 });
    const changed = [ended(early, 4, 11), late];
    checkpoint.commit(S, mark(4), { time: 11, changed, from: 2 });
    checkpoint.commit(other, mark(9), { time: 11, changed: [], from: 0 });
  }
  using checkpoint = await open(dir.path);
  assert.deepEqual(checkpoint.marks("S"), [mark(4), mark(2)]);
  assert.equal(checkpoint.task(early.task_id), "ended");
  assert.deepEqual(checkpoint.task(late.task_id), late);
  checkpoint.cutBack(S, 2);
  assert.deepEqual(checkpoint.marks("S"), [mark(2)]);
  assert.deepEqual(checkpoint.marks("OTHER"), [mark(9)]);
  assert.deepEqual(checkpoint.task(early.task_id), early);
  assert.equal(checkpoint.task(late.task_id), undefined);
});

test("what was cut back is forgotten, also by the process that took it in", async () => {
  using dir = tempDir();
  using checkpoint = await open(dir.path);
  const [early, late] = [task(1), task(3)];
  checkpoint.commit(S, mark(2), { time: 10, changed: [early], from: 0 });
  const changed = [ended(early, 4, 11), late];
  checkpoint.commit(S, mark(4), { time: 11, changed, from: 2 });
  assert.equal(checkpoint.task(early.task_id), "ended");
  checkpoint.cutBack(S, 2);
  assert.deepEqual(checkpoint.task(early.task_id), early);
  assert.equal(checkpoint.task(late.task_id), undefined);
});

test("only the last ten minutes stay, and the open tasks", async () => {
  using dir = tempDir();
  using checkpoint = await open(dir.path);
  const [waiting, done] = [task(1), task(2)];
  const commit = (seq: number, time: number, changed: TaskState[]) =>
    checkpoint.commit(S, mark(seq), { time, changed, from: seq - 1 });
  commit(2, 1_000, [waiting, done]);
  commit(3, 1_000.5, [ended(done, 3, 1_000.5)]);
  commit(4, 1_300, []);
  // The other stream may be far ahead, or far behind.
  for (const [seq, time] of [
    [1, 9_000],
    [2, 9_300],
    [3, 9_700],
  ] as const)
    checkpoint.commit(other, mark(seq), { time, changed: [], from: 0 });
  assert.deepEqual(checkpoint.marks("OTHER"), [mark(3), mark(2)]);
  assert.equal(checkpoint.task(done.task_id), "ended");
  commit(5, 1_700, []);
  assert.deepEqual(checkpoint.marks("S"), [mark(5), mark(4)]);
  assert.deepEqual(checkpoint.task(waiting.task_id), waiting);
  assert.equal(checkpoint.task(done.task_id), undefined);
});

test("one at a time has it; waiting for it ends with the signal", async () => {
  using dir = tempDir();
  const stop = new AbortController();
  let standing = 0;
  const onStandby = () => void standing++;
  const first = await open(dir.path);
  const given = assert.rejects(open(dir.path, onStandby, stop));
  const waiting = open(dir.path, onStandby);
  await eventually(() => standing === 2);
  stop.abort();
  await given;
  first[Symbol.dispose]();
  using second = await waiting;
  assert.ok(second.intact);
});

test("one that can't be read is made anew", async () => {
  using dir = tempDir();
  const path = join(dir.path, ".checkpoint.sqlite");
  writeFileSync(path, "no database ".repeat(1_000));
  let corrupt: unknown;
  try {
    using db = new DatabaseSync(path);
    db.exec("SELECT * FROM marks");
  } catch (error) {
    corrupt = error;
  }
  {
    using checkpoint = await open(dir.path);
    checkpoint.commit(S, mark(2), { time: 10, changed: [], from: 0 });
    assert.equal(checkpoint.discardIfCorrupt(new Error("disk full")), false);
    assert.equal(checkpoint.marks("S").length, 1);
    assert.ok(checkpoint.discardIfCorrupt(corrupt));
  }
  {
    using checkpoint = await open(dir.path);
    assert.deepEqual(checkpoint.marks("S"), []);
  }
  {
    using db = new DatabaseSync(path);
    db.exec("PRAGMA user_version = 77");
  }
  using checkpoint = await open(dir.path);
  assert.deepEqual(checkpoint.marks("S"), []);
});
