import type { Delivery } from "@jetscribe/event-log/read/pull";
import { newTaskId } from "@jetscribe/schema";
import assert from "node:assert/strict";
import { test } from "vitest";
import { openTaskPlaces } from "./taskPlaces.ts";
import { deliveryOf, kept } from "../../test/indexTestKit.ts";
import { requested, tempDir } from "../../test/resultsTestKit.ts";

const message = (seq: number, id: string) =>
  ({
    ...{ seq, time: seq, subject: "" },
    header: (name: string) => (name === "Nats-Msg-Id" ? id : ""),
  }) as unknown as Delivery;
/** With a clock that stands still: nothing is flushed by time. */
const openPlaces = (dir: string) => openTaskPlaces(dir, kept, () => 0);
const beginning = { created: "then", seq: 0, id: "" };

test("events that came before and after a flush are one task's, also in the next process", () => {
  using dir = tempDir();
  const [a, b] = [newTaskId(), newTaskId()];
  {
    using places = openPlaces(dir.path);
    places.restart(beginning);
    places.take([message(1, `${a}.requested`), message(2, `${b}.requested`)]);
    places.flush();
    places.take([message(3, `${a}.started.1`)]);
    assert.deepEqual(places.seqsOf(a), [1, 3]);
    places.take([message(9, `${a}.outcome`), message(10, "no event's id")]);
    places.flush();
    places.take([message(11, `${b}.outcome`)]); // in memory only
  }
  using places = openPlaces(dir.path);
  assert.deepEqual(places.seqsOf(a), [1, 3, 9]);
  assert.deepEqual(places.seqsOf(b), [2]);
  assert.deepEqual(places.seqsOf(newTaskId()), []);
  const position = { created: "then", seq: 10, id: "no event's id" };
  assert.deepEqual({ ...places.position() }, position);
});

test("tasks from before the log's beginning go bit by bit, and no others", () => {
  using dir = tempDir();
  using places = openPlaces(dir.path);
  places.restart(beginning);
  const ids = Array.from({ length: 2_000 }, () => newTaskId());
  places.take(ids.map((id, i) => message(i + 1, `${id}.requested`)));
  const old = ids[5] ?? "";
  places.take([message(2_001, `${old}.outcome`)]);
  places.flush();
  const there = () => ids.filter((id) => places.seqsOf(id).length > 0);
  places.removeBefore(1_501);
  const arrive = (count: number, from: number) => {
    const seqs = Array.from({ length: count }, (_, i) => from + i);
    places.take(seqs.map((seq) => message(seq, `${newTaskId()}.requested`)));
    places.flush();
  };
  arrive(100, 2_002);
  assert.equal(there().length, 2_000 - 200);
  for (let more = 1; more <= 9; more++) arrive(100, 2_002 + more * 100);
  assert.deepEqual(there(), [old, ...ids.slice(1_500)]);
});

test("tasks from before the log's beginning go also behind many older ones that ended in it", () => {
  using dir = tempDir();
  using places = openPlaces(dir.path);
  places.restart(beginning);
  const ids = Array.from({ length: 400 }, () => newTaskId());
  places.take(ids.map((id, i) => message(i + 1, `${id}.requested`)));
  const waited = ids.slice(0, 200);
  places.take(waited.map((id, i) => message(i + 401, `${id}.outcome`)));
  places.flush();
  places.removeBefore(401);
  for (let seq = 601; seq <= 900; seq++) {
    places.take([message(seq, `${newTaskId()}.requested`)]);
    places.flush();
  }
  const there = ids.filter((id) => places.seqsOf(id).length > 0);
  assert.deepEqual(there, waited);
});

test("of an index that begins again no time is known", () => {
  using dir = tempDir();
  using places = openPlaces(dir.path);
  places.restart(beginning);
  places.take([deliveryOf(requested(newTaskId()), { seq: 1, time: 100 })]);
  assert.equal(places.latest(), 100);
  places.restart(beginning);
  assert.equal(places.latest(), 0);
});
