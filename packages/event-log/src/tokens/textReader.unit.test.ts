import assert from "node:assert/strict";
import { test } from "vitest";
import { makeAtMost } from "./textReader.ts";

const { signal } = new AbortController();
const settle = () => new Promise((resolve) => setImmediate(resolve));

/** Work that lasts until it is told to end. */
function makeWork() {
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  return {
    begun,
    end: (name: string) => ends.get(name)?.(),
    run: (name: string) => () => {
      begun.push(name);
      const { promise, resolve } = Promise.withResolvers<void>();
      ends.set(name, resolve);
      return promise;
    },
  };
}

test("so many run at once, the others in the order of their calls", async () => {
  const atMost = makeAtMost(2);
  const { begun, end, run } = makeWork();
  const all = ["a", "b", "c", "d"].map((name) => atMost(run(name), signal));
  await settle();
  assert.deepEqual(begun, ["a", "b"]);
  end("b");
  await settle();
  assert.deepEqual(begun, ["a", "b", "c"]);
  end("a");
  await settle();
  end("c");
  end("d");
  await Promise.all(all);
  assert.deepEqual(begun, ["a", "b", "c", "d"]);
});

test("a failure gives its place up, and is told", async () => {
  const atMost = makeAtMost(1);
  const fail = () => Promise.reject(new Error("no"));
  await assert.rejects(atMost(fail, signal), /no/);
  assert.equal(await atMost(() => Promise.resolve(1), signal), 1);
});

test("who gives up waiting runs never, and holds no place", async () => {
  const atMost = makeAtMost(1);
  const { begun, end, run } = makeWork();
  const first = atMost(run("a"), signal);
  const gone = new AbortController();
  const second = atMost(run("b"), gone.signal);
  const third = atMost(run("c"), signal);
  gone.abort(new Error("gone"));
  await assert.rejects(second, /gone/);
  end("a");
  await first;
  await settle();
  assert.deepEqual(begun, ["a", "c"]);
  end("c");
  await third;
});

test("who gives up about when its turn comes leaves no place taken", async () => {
  for (let delay = 0; delay < 12; delay++) {
    const atMost = makeAtMost(1);
    const { begun, end, run } = makeWork();
    const first = atMost(run("a"), signal);
    const gone = new AbortController();
    const second = atMost(run("b"), gone.signal).catch(() => undefined);
    const third = atMost(run("c"), signal);
    await settle();
    end("a");
    for (let i = 0; i < delay; i++) await Promise.resolve();
    gone.abort(new Error("gone"));
    await first;
    await settle();
    end("b");
    await second;
    await settle();
    assert.equal(begun.at(-1), "c", `after ${delay} microtasks`);
    end("c");
    await third;
  }
});
