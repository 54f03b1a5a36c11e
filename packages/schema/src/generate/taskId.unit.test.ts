import assert from "node:assert/strict";
import { test } from "vitest";
import { newTaskId, taskIdTime } from "./taskId.ts";

test("a new task id carries its time, in milliseconds", () => {
  const before = Date.now();
  const time = taskIdTime(newTaskId());
  assert.ok(time !== undefined && time >= before && time <= Date.now());
});

test("ids made one after another are different and in order", () => {
  const ids = Array.from({ length: 1_000 }, () => newTaskId());
  assert.equal(new Set(ids).size, ids.length);
  assert.deepEqual(ids.toSorted(), ids);
});

test("an id has the time that it was given, also right after the clock was set by hours", () => {
  const begin = Date.UTC(2025, 10, 21);
  const hours = [0, 5, -7, 24, 0];
  for (const hour of hours) {
    const now = begin + hour * 3_600_000;
    const ids = [newTaskId(now), newTaskId(now + 0.4), newTaskId(now - 20)];
    assert.deepEqual(ids.map(taskIdTime), [now, now, now]);
    assert.deepEqual(ids.toSorted(), ids);
  }
});

test("the time is the first 48 bits (the example of RFC 9562)", () => {
  const time = taskIdTime("017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
  assert.equal(time, Date.UTC(2022, 1, 22, 19, 22, 22));
});

test("anything but a UUIDv7 in lower case has no time", () => {
  const others = [
    "",
    "task",
    "017F22E2-79B0-7CC3-98C4-DC0C0C07398F",
    "017f22e279b07cc398c4dc0c0c07398f",
    "919108f7-52d1-4320-9bac-f847db4148a8", // version 4
    "017f22e2-79b0-7cc3-18c4-dc0c0c07398f", // another variant
    "00000000-0000-0000-0000-000000000000",
    "017f22e2-79b0-7cc3-98c4-dc0c0c07398f ",
  ];
  for (const id of others) assert.equal(taskIdTime(id), undefined, id);
});
