import type { LlamaContext, LlamaContextSequence, Token } from "node-llama-cpp";
import assert from "node:assert/strict";
import { test } from "vitest";
import { makeSlots } from "./slots.ts";

/** As much of a context as slots are chosen by. */
function contextOf(totalSequences: number) {
  const texts = new Map<LlamaContextSequence, Token[]>();
  const getSequence = () => {
    const sequence = {
      compareContextTokens(tokens: Token[]) {
        const has = texts.get(sequence) ?? [];
        const same = tokens.findIndex((token, i) => token !== has[i]);
        return { firstDifferentIndex: same < 0 ? tokens.length : same };
      },
    } as LlamaContextSequence;
    return sequence;
  };
  const context = { totalSequences, getSequence } as unknown as LlamaContext;
  return { slots: makeSlots(context), texts };
}

const never = new AbortController().signal;
const tokens = (...all: number[]) => all as Token[];

test("a task goes beside those that run, and into a gap between them first", async () => {
  const { slots } = contextOf(6);
  const take = () => slots.take(tokens(1, 2), never);
  const taken = [await take(), await take(), await take(), await take()];
  assert.deepEqual(
    taken.map(({ number }) => number),
    [0, 1, 2, 3],
  );
  await taken[1]?.free(false);
  assert.equal((await take()).number, 1);
  await taken[0]?.free(false);
  await taken[3]?.free(false);
  assert.equal((await take()).number, 0);
});

test("where nothing runs the least recently used slot is taken", async () => {
  const { slots } = contextOf(3);
  const numbers: number[] = [];
  for (let i = 0; i < 4; i++) {
    const slot = await slots.take(tokens(1, 2), never);
    numbers.push(slot.number);
    await slot.free(false);
  }
  assert.deepEqual(numbers, [0, 1, 2, 0]);
});

test("a slot that has most of the prompt comes before any neighbour", async () => {
  const { slots, texts } = contextOf(4);
  const first = await slots.take(tokens(1), never);
  const second = await slots.take(tokens(1), never);
  const third = await slots.take(tokens(1), never);
  texts.set(third.sequence, tokens(7, 8, 9));
  await second.free(false);
  await third.free(false);
  assert.equal(first.number, 0);
  assert.equal((await slots.take(tokens(7, 8, 5), never)).number, 2);
});
