import fc from "fast-check";
import assert from "node:assert/strict";
import { describe, test } from "vitest";
import { enter, leave, noTurns, shareOut, type Lane } from "./turns.ts";

interface Someone {
  name: string;
  count: number;
  typical: number;
  asked: number;
}
const someone = (name: string, more: Partial<Someone> = {}): Someone => ({
  ...{ name, count: 0, typical: 10, asked: 0 },
  ...more,
});
const laneOf = (share: number, ...all: Someone[]): Lane<Someone> => ({
  ...noTurns<Someone>(),
  ...{ share, count: 0, waiting: new Set(all) },
});
/** How many tasks are asked of whom, in words. */
const words = (plan: Map<Someone, number>) =>
  [...plan].map(([{ name }, count]) => `${name}${count}`).join(" ");

describe("who comes in", () => {
  test("starts where the smallest count of those who wait is", () => {
    const turns = noTurns();
    const [a, b, c] = [{ count: 0 }, { count: 0 }, { count: 0 }];
    enter(turns, a);
    a.count = 500;
    enter(turns, b);
    assert.equal(b.count, 500);
    b.count = 300;
    enter(turns, c);
    assert.equal(c.count, 300);
  });

  test("keeps what it had too much", () => {
    const turns = noTurns();
    const [a, b] = [{ count: 0 }, { count: 900 }];
    enter(turns, a);
    enter(turns, b);
    assert.equal(b.count, 900);
  });

  test("while nobody waits, starts where the last one left", () => {
    const turns = noTurns();
    const [a, b] = [{ count: 700 }, { count: 0 }];
    enter(turns, a);
    leave(turns, a);
    a.count = 800; // of tasks that ran on
    enter(turns, b);
    assert.equal(b.count, 700);
  });

  test("changes nothing where it waits already", () => {
    const turns = noTurns();
    const [a, b] = [{ count: 0 }, { count: 50 }];
    enter(turns, a);
    enter(turns, b);
    a.count = 40;
    enter(turns, a);
    assert.equal(a.count, 40);
  });
});

describe("free slots", () => {
  test("go to the smallest count, and to the first where they are equal", () => {
    const lane = laneOf(1, someone("a"), someone("b"), someone("c"));
    assert.equal(words(shareOut([lane], 1)), "a1");
    assert.equal(words(shareOut([lane], 7)), "a3 b2 c2");
  });

  test("are shared so that the counts come out even", () => {
    const lane = laneOf(
      1,
      someone("short", { typical: 20 }),
      someone("long", { typical: 200, count: 400 }),
    );
    assert.equal(words(shareOut([lane], 11)), "short11");
    lane.count = 0;
    assert.equal(words(shareOut([lane], 42)), "short40 long2");
  });

  test("wait for the answer of one who was asked, if it is its turn", () => {
    const asked = someone("a", { asked: 2 });
    const lane = laneOf(1, asked, someone("b", { count: 25 }));
    assert.equal(words(shareOut([lane], 3)), "");
    asked.asked = 3;
    assert.equal(words(shareOut([lane], 3)), "b1");
  });

  test("go to the batch lane where nothing else waits, and one of ten where it does", () => {
    const batch = laneOf(1, someone("b"));
    assert.equal(words(shareOut([laneOf(9), batch], 5)), "b5");
    const plan = shareOut([laneOf(9, someone("i")), batch], 100);
    assert.equal(words(plan), "i90 b10");
  });

  test("stay free where nobody waits", () => {
    assert.equal(shareOut([laneOf(9), laneOf(1)], 5).size, 0);
  });
});

/** Tasks of one owner: their tokens, and when each comes. */
const owners = fc.array(
  fc.record({
    lane: fc.constantFrom(0, 1),
    sizes: fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1 }),
  }),
  { minLength: 2, maxLength: 6 },
);

test("property: owners who always have work get the same number of tokens, but for a task", () => {
  fc.assert(
    fc.property(owners, fc.integer({ min: 1, max: 400 }), (all, rounds) => {
      const lanes = [laneOf(9), laneOf(1)];
      const tasks = new Map<Someone, number[]>();
      const turns = noTurns<Lane<Someone>>();
      const served = new Map<Someone, number>();
      all.forEach(({ lane: at, sizes }, i) => {
        const lane = lanes[at];
        assert.ok(lane);
        const one = someone(String(i));
        enter(turns, lane);
        enter(lane, one);
        tasks.set(one, sizes);
        served.set(one, 0);
      });
      for (let round = 0; round < rounds; round++) {
        const [next] = shareOut(lanes, 1).keys();
        assert.ok(next);
        const lane = lanes.find(({ waiting }) => waiting.has(next));
        const sizes = tasks.get(next);
        assert.ok(lane && sizes);
        const tokens = sizes[round % sizes.length] ?? 1;
        next.count += tokens;
        lane.count += tokens / lane.share;
        served.set(next, (served.get(next) ?? 0) + tokens);
      }
      const largest = Math.max(...all.flatMap(({ sizes }) => sizes));
      for (const { waiting } of lanes) {
        const counts = [...waiting].map((one) => served.get(one) ?? 0);
        if (counts.length > 0)
          assert.ok(Math.max(...counts) - Math.min(...counts) <= largest);
      }
      const [interactive, batch] = lanes.map(({ waiting }) =>
        [...waiting].reduce((sum, one) => sum + (served.get(one) ?? 0), 0),
      );
      const both = lanes.every(({ waiting }) => waiting.size > 0);
      if (both) {
        assert.ok(batch !== undefined && interactive !== undefined);
        assert.ok(Math.abs(batch - interactive / 9) <= largest + 10);
      }
    }),
  );
});

test("property: no more is asked than there is free, and nothing stays free while somebody waits", () => {
  const waiting = fc.array(
    fc.record({
      name: fc.constant("x"),
      count: fc.integer({ min: 0, max: 1_000 }),
      typical: fc.integer({ min: 1, max: 300 }),
      asked: fc.constant(0),
    }),
    { maxLength: 8 },
  );
  fc.assert(
    fc.property(waiting, waiting, fc.nat(100), (some, others, free) => {
      const plan = shareOut([laneOf(9, ...some), laneOf(1, ...others)], free);
      const sum = [...plan.values()].reduce((all, one) => all + one, 0);
      assert.equal(sum, some.length + others.length > 0 ? free : 0);
    }),
  );
});

test("property: while it is there, who comes and goes has no more than who stays, but for a task", () => {
  fc.assert(
    fc.property(fc.array(fc.boolean(), { maxLength: 300 }), (comes) => {
      const lane = laneOf(1);
      const [stays, guest] = [someone("stays"), someone("guest")];
      enter(lane, stays);
      let lead = 0;
      for (const here of comes) {
        if (here) enter(lane, guest);
        else leave(lane, guest);
        if (!here) lead = 0;
        const [next] = shareOut([lane], 1).keys();
        assert.ok(next);
        next.count += 10;
        lead += next === guest ? 10 : -10;
        assert.ok(lead <= 10);
      }
    }),
  );
});
