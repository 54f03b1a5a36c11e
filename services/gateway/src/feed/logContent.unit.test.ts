import type { StoredEvent } from "@jetscribe/event-log/codec/storedEvent";
import { newTaskId, type LogEvents, type LogSnapshot } from "@jetscribe/schema";
import assert from "node:assert/strict";
import { test } from "vitest";
import { logContent } from "./logContent.ts";
import { makeTellEvent } from "./tellEvent.ts";

const tell = makeTellEvent((slug) => slug);
const key = { owner: "a", scopes: new Set(["read"]) } as unknown as Parameters<
  typeof logContent
>[3];

const stored = (seq: number, over: Partial<StoredEvent> = {}): StoredEvent => ({
  ...{ seq, time: seq, type: "GenerateStarted", taskId: newTaskId() },
  queue: { model: "demo", lane: "batch", owner: "a" },
  ...{ attempt: 1, ...over },
});

const open = (query: object = {}) =>
  logContent(
    () =>
      Promise.resolve({
        events: [4, 3].map((seq) => tell(stored(seq), false)),
        last_seq: 5,
      }),
    tell,
    { view: "log", limit: 3, ...query },
    key,
  );

const seqs = (data: unknown) =>
  (data as LogEvents | LogSnapshot).events.map(({ seq }) => seq);

test("a snapshot has the newest first, and news are told once, in order", async () => {
  const content = open();
  assert.equal(await content.read(), 5);
  assert.deepEqual(seqs(content.snapshot().data), [4, 3]);
  for (const seq of [6, 7]) assert.ok(content.take(stored(seq)));
  const frame = await content.news(false);
  assert.deepEqual(seqs((frame as { data: unknown }).data), [6, 7]);
  const again = await content.news(false);
  assert.deepEqual(seqs((again as { data: unknown }).data), []);
  assert.deepEqual(seqs(content.snapshot().data), [7, 6, 4]);
});

test("a snapshot has no event that the next frame brings", async () => {
  const content = open();
  await content.read();
  content.take(stored(6));
  const { data } = content.snapshot();
  assert.deepEqual([data.seq, seqs(data)], [5, [4, 3]]);
  await content.news(false);
  assert.equal(content.snapshot().data.seq, 6);
});

test("above the pace a frame has the newest events, and says how many it left out", async () => {
  const content = open();
  await content.read();
  for (let seq = 6; seq < 2_006; seq++) content.take(stored(seq));
  const frame = (await content.news(true)) as {
    event: string;
    data: LogEvents;
  };
  assert.equal(frame.event, "delta");
  assert.deepEqual(seqs(frame.data), [2_003, 2_004, 2_005]);
  assert.equal(frame.data.skipped, 1_997);
});

test("events of others, and of other kinds, are not taken", async () => {
  const content = open({ type: ["GenerateFailed"], lane: "batch" });
  await content.read();
  const failed = { type: "GenerateFailed" } as const;
  const queue = { model: "demo", lane: "batch", owner: "a" } as const;
  for (const other of [
    stored(6),
    stored(7, { ...failed, queue: { ...queue, owner: "b" } }),
    stored(8, { ...failed, queue: { ...queue, lane: "interactive" } }),
  ])
    assert.equal(content.take(other), false);
  assert.ok(content.take(stored(9, failed)));
});
