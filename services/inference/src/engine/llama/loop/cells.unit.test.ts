import type { Token } from "node-llama-cpp";
import assert from "node:assert/strict";
import { test } from "vitest";
import { makeCells } from "./cells.ts";

/** Cells, and what was asked of llama.cpp. */
function open({
  cutsBack = true,
  isWhole = true,
  rowsAlike = false,
  cut = () => true,
}: {
  cutsBack?: boolean;
  isWhole?: boolean;
  rowsAlike?: boolean;
  cut?: () => boolean;
} = {}) {
  const cuts: number[] = [];
  const cells = makeCells(
    {
      ...{ cutsBack, rowsAlike },
      isWhole: () => isWhole,
      cut(sequence, from) {
        assert.equal(sequence, 7);
        cuts.push(from);
        return cut();
      },
    },
    7,
  );
  return { cells, cuts };
}

const tokens = (from: number, count: number) =>
  Array.from({ length: count }, (_, i) => (from + i) as Token);
const prompt = (count: number, owner?: string) => ({
  ...{ tokens: tokens(0, count), goesOn: false, owner },
});

test("what was read in large pieces is kept, without the last 64 tokens of a prompt", () => {
  const { cells, cuts } = open();
  assert.equal(cells.keep(prompt(200)), 0);
  cells.add(tokens(0, 100));
  cells.add(tokens(100, 100));
  cells.add(tokens(200, 1));
  assert.equal(cells.commonPrefix(tokens(0, 500), undefined), 201);
  assert.equal(cells.keep(prompt(500)), 200);
  assert.equal(cells.keep(prompt(210)), 146);
  assert.deepEqual(cuts, [200, 146]);
  assert.equal(cells.length, 146);
});

test("what was read in small pieces is not, nor what comes after it", () => {
  const { cells } = open();
  cells.add(tokens(0, 100));
  cells.add(tokens(100, 20));
  cells.add(tokens(120, 100));
  assert.equal(cells.keep(prompt(500)), 100);
});

test("a short prompt keeps all but its last token where few rows come out as one does", () => {
  for (const rowsAlike of [true, false]) {
    const { cells } = open({ rowsAlike });
    cells.add(tokens(0, 30));
    cells.add(tokens(30, 1));
    assert.equal(cells.keep(prompt(30)), rowsAlike ? 29 : 0);
    cells.add(tokens(cells.length, 30 - cells.length));
    // With 64 tokens it would be read in another way.
    assert.equal(cells.keep(prompt(63)), rowsAlike ? 30 : 0);
    assert.equal(cells.keep(prompt(64)), 0);
  }
});

test("a short prompt keeps nothing of a long one", () => {
  const { cells } = open({ rowsAlike: true });
  cells.add(tokens(0, 100));
  assert.equal(cells.keep(prompt(63)), 0);
  cells.add(tokens(0, 63));
  assert.equal(cells.keep(prompt(20)), 19);
});

test("a text that is gone on with keeps all but its last token", () => {
  const { cells } = open();
  for (let i = 0; i < 30; i++) cells.add(tokens(i, 1));
  const goesOn = { ...prompt(30), goesOn: true };
  assert.equal(cells.keep(goesOn), 29);
});

/** Cells that ann's prompt of so many tokens was read into, and an answer of four tokens. */
function ofAnn(count: number) {
  const { cells } = open({ rowsAlike: true });
  cells.keep(prompt(count, "ann"));
  cells.add(tokens(0, count));
  for (let i = count; i < count + 4; i++) cells.add(tokens(i, 1));
  return cells;
}

test("another owner's short prompt is told nothing of, and its own all", () => {
  for (const goesOn of [false, true])
    assert.equal(ofAnn(30).keep({ ...prompt(20, "bob"), goesOn }), 0);
  assert.equal(ofAnn(30).commonPrefix(tokens(0, 20), "bob"), 0);
  assert.equal(ofAnn(30).keep(prompt(20, "ann")), 19);
  assert.equal(ofAnn(30).commonPrefix(tokens(0, 20), "ann"), 20);
  // What the engine asked itself is nobody's.
  assert.equal(ofAnn(30).keep(prompt(20)), 0);
});

test("another owner's long prompt is kept in whole blocks of 64 tokens, whatever is guessed of it", () => {
  const wrong = tokens(1_000, 200);
  for (const right of [0, 1, 63, 64, 65, 127, 128, 150, 151, 154]) {
    const guess = {
      ...{ tokens: [...tokens(0, right), ...wrong], owner: "bob" },
      goesOn: false,
    };
    const blocks = right - (right % 64);
    for (const goesOn of [false, true])
      assert.equal(ofAnn(150).keep({ ...guess, goesOn }), blocks);
    assert.equal(ofAnn(150).commonPrefix(guess.tokens, "bob"), blocks);
    const owner = "ann";
    assert.equal(ofAnn(150).keep({ ...guess, owner }), Math.min(right, 150));
  }
});

test("how long another owner's prompt is can't be told by it", () => {
  // Its answer was guessed too, which is not kept.
  const cells = ofAnn(250);
  for (let i = 254; i < 260; i++) cells.add(tokens(i, 1));
  assert.equal(cells.keep(prompt(500, "bob")), 192);
});

test("cells that another owner has gone on with are that owner's", () => {
  const cells = ofAnn(150);
  assert.equal(cells.keep(prompt(200, "bob")), 128);
  cells.add(tokens(128, 72));
  assert.equal(cells.keep(prompt(500, "ann")), 192);
  assert.equal(cells.keep(prompt(230, "ann")), 166);
});

test("where a sequence can't be cut back it is emptied", () => {
  for (const one of [
    ...[{ cutsBack: false }, { isWhole: false }, { cut: refuseFirst() }],
  ]) {
    const { cells, cuts } = open(one);
    cells.add(tokens(0, 100));
    cells.add(tokens(100, 5));
    assert.equal(cells.keep(prompt(300)), 0);
    assert.equal(cuts.at(-1), 0);
    assert.equal(cells.length, 0);
  }
});

test("what is only continued is kept, whether it is whole or not", () => {
  const { cells, cuts } = open({ isWhole: false, cutsBack: false });
  cells.add(tokens(0, 100));
  assert.equal(cells.keep(prompt(300)), 100);
  assert.deepEqual(cuts, []);
});

test("after an error they are emptied before anything else", () => {
  const { cells, cuts } = open();
  cells.add(tokens(0, 100));
  cells.forget();
  assert.equal(cells.keep(prompt(300)), 0);
  assert.deepEqual(cuts, [0]);
});

function refuseFirst() {
  let asked = 0;
  return () => asked++ > 0;
}
