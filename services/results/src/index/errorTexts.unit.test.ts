import { newTaskId, type ListedTask } from "@jetscribe/schema";
import { failed, requested } from "@jetscribe/schema/test/taskEventsTestKit";
import assert from "node:assert/strict";
import { test } from "vitest";
import { deliveryOf, kept } from "../../test/indexTestKit.ts";
import { tempDir } from "../../test/resultsTestKit.ts";
import { openTaskPlaces, type TaskPlaces } from "./taskPlaces.ts";

const everyOwner = "*";
const beginning = { created: "then", seq: 0, id: "" };

/** Takes in failed tasks, each with two events from `seq` on, and returns their ids. */
function fail(
  places: TaskPlaces,
  messages: readonly string[],
  { seq = 1, owner = "a" } = {},
) {
  const queue = { model: "demo", lane: "interactive" as const, owner };
  const ids = messages.map(() => newTaskId());
  places.take(
    ids.flatMap((id, i) => {
      const message = messages[i] ?? "";
      const error = { type: "RuntimeError" as const, message, traceback: "" };
      return [
        deliveryOf(requested(id, { owner }), { seq: seq + 2 * i }),
        deliveryOf(failed(id, 1, { error }), { seq: seq + 2 * i + 1, queue }),
      ];
    }),
  );
  return ids;
}

function walk(places: TaskPlaces, error: string, owner = "a") {
  const pages: ListedTask[][] = [];
  const of = owner === everyOwner ? {} : { owner };
  let cursor: string | undefined;
  do {
    const at = cursor && { cursor };
    const question = { ...beginning, ...of, limit: 100, error, ...at };
    const page = places.list(question);
    pages.push(page.tasks);
    cursor = page.cursor;
  } while (cursor !== undefined);
  return { pages, ids: pages.flat().map(({ task_id }) => task_id) };
}

function countOf(places: TaskPlaces, error: string): number {
  const wanted = { ...beginning, owner: "a", limit: 1, count: true, error };
  let counted = 0;
  let cursor: string | undefined;
  do {
    const page = places.list({ ...wanted, ...(cursor && { cursor }) });
    counted += page.count ?? 0;
    cursor = page.cursor;
  } while (cursor !== undefined);
  return counted;
}

test("a page is short where few of many errors have a text, and the next pages have the others", () => {
  using dir = tempDir();
  using places = openTaskPlaces(dir.path, kept);
  places.restart(beginning);
  const rare = (i: number) => i % 10_500 === 0;
  const messages = Array.from({ length: 21_001 }, (_, i) =>
    rare(i) ? `out of memory, ${i}` : `no outcome after ${i} s`,
  );
  const ids = fail(places, messages);
  const expected = ids.filter((_, i) => rare(i)).reverse();
  const found = walk(places, "memory");
  assert.deepEqual(found.ids, expected);
  assert.ok(found.pages.length > 2, `${found.pages.length} pages`);
  assert.equal(countOf(places, "memory"), 3);
});

test("queues without failures, or with a few, leave the looks to the one that has many", () => {
  using dir = tempDir();
  using places = openTaskPlaces(dir.path, kept);
  places.restart(beginning);
  const many = Array.from({ length: 5_000 }, (_, i) =>
    i === 0 ? "out of memory" : "no outcome",
  );
  const [rare] = fail(places, many);
  for (let i = 0; i < 400; i++) {
    const few = i % 2 ? ["no outcome"] : [];
    const [seq, owner] = [20_000 + 3 * i, `owner-${i}`];
    places.take([deliveryOf(requested(newTaskId(), { owner }), { seq })]);
    if (few.length > 0) fail(places, few, { seq: seq + 1, owner });
  }
  const { ids, pages } = walk(places, "memory", everyOwner);
  assert.deepEqual(ids, [rare]);
  assert.equal(pages.length, 1);
});

test("an error that the log drops is found no more", () => {
  using dir = tempDir();
  using places = openTaskPlaces(dir.path, kept);
  places.restart(beginning);
  const [old, young] = fail(places, ["out of memory", "Memory is short"]);
  assert.deepEqual(walk(places, "memory").ids, [young, old]);
  places.removeBefore(3);
  places.flush();
  places.flush();
  assert.deepEqual(walk(places, "MEMORY").ids, [young]);
  assert.equal(countOf(places, "memory"), 1);
  places.restart(beginning);
  assert.deepEqual(walk(places, "memory").ids, []);
});
