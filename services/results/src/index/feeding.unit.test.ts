import type { Delivery } from "@jetscribe/event-log/read/pull";
import assert from "node:assert/strict";
import { test } from "vitest";
import { joinOn } from "./feeding.ts";

/** Messages at these sequences; the id of each is its sequence, unless another is given. */
const messages = (...seqs: number[]) =>
  seqs.map(
    (seq) => ({ seq, header: () => `id ${seq}` }) as unknown as Delivery,
  );
const place = (seq: number, id = `id ${seq}`, created = "a stream") => ({
  ...{ created, seq, id },
});

test("messages join on right behind the place, and inside of them; only the new ones are taken", () => {
  for (const [at, news] of [
    [4, [5, 6, 8]],
    [5, [6, 8]],
    [8, []],
  ] as const) {
    const taken = joinOn(place(at), place(4), messages(5, 6, 8));
    assert.deepEqual(
      taken?.map(({ seq }) => seq),
      news,
    );
  }
  assert.deepEqual(joinOn(place(4), place(4), []), []);
});

test("messages with a gap before them, and messages that are all behind, don't join on", () => {
  for (const at of [3, 9]) {
    assert.equal(joinOn(place(at), place(4), messages(5, 6, 8)), undefined);
    assert.equal(joinOn(place(at), place(4), []), undefined);
  }
});

test("of another log nothing joins on: another stream, or another event at the place", () => {
  const after = place(4);
  for (const at of [
    place(4, "id 4", "another"),
    place(4, "lost"),
    place(5, "lost"),
  ])
    assert.equal(joinOn(at, after, messages(5, 6)), undefined);
  // A place whose event isn't known, as where the log begins behind it.
  assert.equal(joinOn(place(4, ""), after, messages(5, 6))?.length, 2);
});
