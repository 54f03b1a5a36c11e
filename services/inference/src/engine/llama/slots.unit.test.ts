import type { Token } from "node-llama-cpp";
import assert from "node:assert/strict";
import { test } from "vitest";
import { commonPrefix, type Owner, type Sequence } from "./sequence.ts";
import { makeSlots } from "./slots.ts";

/** As many sequences, by what slots are chosen by. */
function sequencesOf(count: number) {
  const texts = new Map<number, Token[]>();
  const sequences = Array.from({ length: count }, (_, number) => ({
    ...{ number, length: 0 },
    commonPrefix: (tokens: readonly Token[], owner: Owner) =>
      owner === "ann" ? commonPrefix(texts.get(number) ?? [], tokens) : 0,
    write: () => Promise.reject(new Error("nothing is written here")),
    reset: () => Promise.resolve(),
  })) satisfies Sequence[];
  return { slots: makeSlots(sequences), texts };
}

const never = new AbortController().signal;
const tokens = (...all: number[]) => all as Token[];
const comer = (...all: number[]) => ({
  ...{ tokens: tokens(...all), owner: "ann" },
});

test("a task goes beside those that run, and into a gap between them first", async () => {
  const { slots } = sequencesOf(6);
  const take = () => slots.take(comer(1, 2), never);
  const taken = [await take(), await take(), await take(), await take()];
  assert.deepEqual(
    taken.map(({ sequence }) => sequence.number),
    [0, 1, 2, 3],
  );
  await taken[1]?.free(false);
  assert.equal((await take()).sequence.number, 1);
  await taken[0]?.free(false);
  await taken[3]?.free(false);
  assert.equal((await take()).sequence.number, 0);
});

test("where nothing runs the least recently used slot is taken", async () => {
  const { slots } = sequencesOf(3);
  const numbers: number[] = [];
  for (let i = 0; i < 4; i++) {
    const slot = await slots.take(comer(1, 2), never);
    numbers.push(slot.sequence.number);
    await slot.free(false);
  }
  assert.deepEqual(numbers, [0, 1, 2, 0]);
});

test("a slot that has most of the prompt comes before any neighbour", async () => {
  const { slots, texts } = sequencesOf(4);
  const first = await slots.take(comer(1), never);
  const second = await slots.take(comer(1), never);
  const third = await slots.take(comer(1), never);
  texts.set(third.sequence.number, tokens(7, 8, 9));
  await second.free(false);
  await third.free(false);
  assert.equal(first.sequence.number, 0);
  assert.equal((await slots.take(comer(7, 8, 5), never)).sequence.number, 2);
});

test("a slot that has most of another owner's prompt comes no earlier for it", async () => {
  const { slots, texts } = sequencesOf(2);
  const first = await slots.take(comer(1), never);
  const second = await slots.take(comer(1), never);
  texts.set(second.sequence.number, tokens(7, 8, 9));
  await first.free(false);
  await second.free(false);
  const bob = { tokens: tokens(7, 8, 9), owner: "bob" };
  assert.equal((await slots.take(bob, never)).sequence.number, 0);
});

test("a task that was aborted before does not wait for a slot", async () => {
  const { slots } = sequencesOf(1);
  const first = await slots.take(comer(1), never);
  const waits = slots.take(comer(1), AbortSignal.abort(new Error("enough")));
  await assert.rejects(waits, { message: "enough" });
  await first.free(false);
  assert.equal((await slots.take(comer(1), never)).sequence.number, 0);
});
