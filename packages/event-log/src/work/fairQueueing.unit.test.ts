import fc from "fast-check";
import assert from "node:assert/strict";
import { describe, test } from "vitest";
import {
  charge,
  emptyGroup,
  enter,
  leave,
  shareOut,
  type Lane,
} from "./fairQueueing.ts";

interface Owner {
  name: string;
  virtualTime: number;
  tokensPerTask: number;
  asked: number;
}
const makeOwner = (name: string, facts: Partial<Owner> = {}): Owner => ({
  name,
  virtualTime: 0,
  tokensPerTask: 10,
  asked: 0,
  ...facts,
});
const laneOf = (share: number, ...owners: Owner[]): Lane<Owner> => ({
  ...emptyGroup<Owner>(),
  share,
  virtualTime: 0,
  backlogged: new Set(owners),
});
/** How many tasks are asked of whom, in words. */
const words = (plan: Map<Owner, number>) =>
  [...plan].map(([{ name }, count]) => `${name}${count}`).join(" ");

describe("an owner that becomes active", () => {
  test("starts at the lowest virtual time of the active owners", () => {
    const group = emptyGroup();
    const [a, b, c] = [
      { virtualTime: 0 },
      { virtualTime: 0 },
      { virtualTime: 0 },
    ];
    enter(group, a);
    a.virtualTime = 500;
    enter(group, b);
    assert.equal(b.virtualTime, 500);
    b.virtualTime = 300;
    enter(group, c);
    assert.equal(c.virtualTime, 300);
  });

  test("keeps its over-use", () => {
    const group = emptyGroup();
    const [a, b] = [{ virtualTime: 0 }, { virtualTime: 900 }];
    enter(group, a);
    enter(group, b);
    assert.equal(b.virtualTime, 900);
  });

  test("starts where the last one left, while nobody waits", () => {
    const group = emptyGroup();
    const [a, b] = [{ virtualTime: 700 }, { virtualTime: 0 }];
    enter(group, a);
    leave(group, a);
    a.virtualTime = 800; // of tasks that ran on
    enter(group, b);
    assert.equal(b.virtualTime, 700);
  });

  test("changes nothing where it is active already", () => {
    const group = emptyGroup();
    const [a, b] = [{ virtualTime: 0 }, { virtualTime: 50 }];
    enter(group, a);
    enter(group, b);
    a.virtualTime = 40;
    enter(group, a);
    assert.equal(a.virtualTime, 40);
  });
});

describe("free slots", () => {
  test("go to the lowest virtual time, and to the first where they are equal", () => {
    const lane = laneOf(1, makeOwner("a"), makeOwner("b"), makeOwner("c"));
    assert.equal(words(shareOut([lane], 1)), "a1");
    assert.equal(words(shareOut([lane], 7)), "a3 b2 c2");
  });

  test("are shared so that the virtual times come out even", () => {
    const lane = laneOf(
      1,
      makeOwner("short", { tokensPerTask: 20 }),
      makeOwner("long", { tokensPerTask: 200, virtualTime: 400 }),
    );
    assert.equal(words(shareOut([lane], 11)), "short11");
    lane.virtualTime = 0;
    assert.equal(words(shareOut([lane], 42)), "short40 long2");
  });

  test("wait for the answer of one who was asked, if it is its turn", () => {
    const asked = makeOwner("a", { asked: 2 });
    const lane = laneOf(1, asked, makeOwner("b", { virtualTime: 25 }));
    assert.equal(words(shareOut([lane], 3)), "");
    asked.asked = 3;
    assert.equal(words(shareOut([lane], 3)), "b1");
  });

  test("go to the batch lane where nothing else waits, and one of ten where it does", () => {
    const batch = laneOf(1, makeOwner("b"));
    assert.equal(words(shareOut([laneOf(9), batch], 5)), "b5");
    const plan = shareOut([laneOf(9, makeOwner("i")), batch], 100);
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
      const tasks = new Map<Owner, number[]>();
      const group = emptyGroup<Lane<Owner>>();
      const served = new Map<Owner, number>();
      all.forEach(({ lane: at, sizes }, i) => {
        const lane = lanes[at];
        assert.ok(lane);
        const one = makeOwner(String(i));
        enter(group, lane);
        enter(lane, one);
        tasks.set(one, sizes);
        served.set(one, 0);
      });
      for (let round = 0; round < rounds; round++) {
        const [next] = shareOut(lanes, 1).keys();
        assert.ok(next);
        const lane = lanes.find(({ backlogged }) => backlogged.has(next));
        const sizes = tasks.get(next);
        assert.ok(lane && sizes);
        const tokens = sizes[round % sizes.length] ?? 1;
        charge(lane, next, tokens);
        served.set(next, (served.get(next) ?? 0) + tokens);
      }
      const largest = Math.max(...all.flatMap(({ sizes }) => sizes));
      for (const { backlogged } of lanes) {
        const counts = [...backlogged].map((one) => served.get(one) ?? 0);
        if (counts.length > 0)
          assert.ok(Math.max(...counts) - Math.min(...counts) <= largest);
      }
      const [interactive, batch] = lanes.map(({ backlogged }) =>
        [...backlogged].reduce((sum, one) => sum + (served.get(one) ?? 0), 0),
      );
      const both = lanes.every(({ backlogged }) => backlogged.size > 0);
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
      virtualTime: fc.integer({ min: 0, max: 1_000 }),
      tokensPerTask: fc.integer({ min: 1, max: 300 }),
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
      const [stays, guest] = [makeOwner("stays"), makeOwner("guest")];
      enter(lane, stays);
      let lead = 0;
      for (const here of comes) {
        if (here) enter(lane, guest);
        else leave(lane, guest);
        if (!here) lead = 0;
        const [next] = shareOut([lane], 1).keys();
        assert.ok(next);
        charge(lane, next, 10);
        lead += next === guest ? 10 : -10;
        assert.ok(lead <= 10);
      }
    }),
  );
});
