import assert from "node:assert/strict";
import { test } from "vitest";
import { makeCallsInHand } from "./callsInHand.ts";

type Calls = ReturnType<typeof makeCallsInHand>;
const refused = { code: "rate_limited", facts: { retryAfterS: 1 } };

/** How many it gets that takes what it can. */
function takeAll(calls: Calls, owner: string): Disposable[] {
  const taken: Disposable[] = [];
  for (;;)
    try {
      taken.push(calls.take(owner));
    } catch {
      return taken;
    }
}

test("an owner alone has 1,000 calls at once, and an answered one makes room", () => {
  const calls = makeCallsInHand();
  const [first, ...others] = takeAll(calls, "ann");
  assert.equal(others.length, 999);
  assert.throws(() => calls.take("ann"), refused);
  first?.[Symbol.dispose]();
  calls.take("ann");
  assert.throws(() => calls.take("ann"), refused);
});

test("owners that take what they can leave places to a hundred that come later", () => {
  const calls = makeCallsInHand();
  for (let i = 0; i < 20; i++) takeAll(calls, `greedy-${i}`);
  for (let i = 0; i < 100; i++)
    for (let call = 0; call < 5; call++) calls.take(`late-${i}`);
});

test("all together have no more than there are places", () => {
  const calls = makeCallsInHand(20);
  const taken = Array.from({ length: 20 }, (_, i) => calls.take(`${i}`));
  assert.throws(() => calls.take("late"), refused);
  taken[0]?.[Symbol.dispose]();
  calls.take("late");
});
