/** Lists held against a slow reference: a fold of all events by `evolve`, filtered and sorted. */
import { newTaskId, type ListedTask } from "@jetscribe/schema";
import { completed, requested } from "@jetscribe/schema/test/taskEventsTestKit";
import { openOwnDatabase } from "@jetscribe/runtime/ownDatabase";
import { makeRandom, testRandom, type Random } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "vitest";
import { deliveryOf, kept } from "../../test/indexTestKit.ts";
import {
  anyEvent,
  anyFilter,
  firstMs,
  isMeant,
  listed,
  requestOf,
  takeKnown,
  type Filter,
  type Known,
  type Requests,
} from "../../test/listsTestKit.ts";
import { tempDir } from "../../test/resultsTestKit.ts";
import { listTasks } from "./listTasks.ts";
import { openQueueNumbers } from "./queueNumbers.ts";
import { schema, schemaVersion } from "./schema.ts";
import { openTaskPlaces, type TaskPlaces } from "./taskPlaces.ts";

const beginning = { created: "then", seq: 0, id: "" };

const ofManyOwners = (
  random: Random,
  request: ReturnType<typeof requested>,
) => ({
  ...request,
  data: { ...request.data, owner: `owner-${random.int(0, 30)}` },
});

/** Of all owners, by a text or a label. */
function anySearch(random: Random): Filter {
  const { owner: _, status: _1, ...filter } = anyFilter(random);
  const error = random.pick(["error", "o", "timeout", "memory"]);
  return {
    ...(random.chance(0.5) && filter),
    ...(random.chance(0.6) ? { error } : { user_id: "ada" }),
  };
}

function openFile(dir: string) {
  const path = join(dir, "tasks-1.sqlite");
  return (
    openOwnDatabase(path, { schema, version: schemaVersion }) ?? assert.fail()
  );
}

/** As it is counted, from cursor to cursor. */
function countOf(places: TaskPlaces, filter: Filter): number {
  let count = 0;
  let cursor: string | undefined;
  do {
    const at = cursor && { cursor };
    const question = { ...filter, limit: 1, count: true, ...at };
    const page = places.list({ ...beginning, ...question });
    assert.deepEqual(page.tasks, []);
    count += page.count ?? 0;
    cursor = page.cursor;
  } while (cursor !== undefined);
  return count;
}

test("any events, in any order and repeated, make the lists that a fold of them makes", () => {
  const seed = testRandom().int(0, 2 ** 30);
  const counts = { tasks: 0, several: 0 };
  for (let run = 0; run < 20; run++) {
    const random = makeRandom(seed + run);
    using dir = tempDir();
    let places = openTaskPlaces(dir.path, kept);
    places.restart(beginning);
    const requests: Requests = new Map();
    for (let i = 0; i < 12; i++) {
      const id = newTaskId(firstMs + i);
      requests.set(id, requestOf(random, id));
    }
    const known = new Map<string, Known>();
    for (let seq = 1; seq <= 60; seq++) {
      const request = random.pick([...requests.values()]);
      const { task_id } = request.data;
      const before = known.get(task_id);
      const event = anyEvent(random, request, before?.state.attempt ?? 0);
      takeKnown(known, { ...event, seq, time: seq });
      places.take([deliveryOf(event, { seq, queue: request.data })]);
      if (random.chance(0.2)) places.flush();
      if (random.chance(0.05)) {
        places.flush();
        places[Symbol.dispose]();
        places = openTaskPlaces(dir.path, kept);
      }
    }
    for (let ask = 0; ask < 12; ask++) {
      const filter = anyFilter(random);
      const expected = [...known.values()]
        .filter((task) => isMeant(task, filter))
        .map((task) => listed(task, requests, filter))
        .sort((a, b) => (a.task_id < b.task_id ? 1 : -1));
      const limit = random.int(1, 5);
      const found: ListedTask[] = [];
      let cursor: string | undefined;
      do {
        const question = { ...filter, limit, ...(cursor && { cursor }) };
        const page = places.list({ ...beginning, ...question });
        assert.ok(page.tasks.length <= limit);
        found.push(...page.tasks);
        cursor = page.cursor;
      } while (cursor !== undefined);
      assert.deepEqual(found, expected, JSON.stringify({ seed, run, filter }));
      assert.equal(countOf(places, filter), expected.length);
      const ids = [...requests.keys()]
        .filter(() => random.chance(0.5))
        .map((id) => id.replaceAll("-", ""));
      const named = { ...filter, ids, limit: 100 };
      assert.deepEqual(
        places.list({ ...beginning, ...named }).tasks,
        expected.filter(({ task_id }) =>
          ids.includes(task_id.replaceAll("-", "")),
        ),
      );
      counts.tasks += found.length;
      if (found.length > limit) counts.several++;
    }
    places[Symbol.dispose]();
  }
  assert.ok(counts.tasks > 250 && counts.several > 25, JSON.stringify(counts));
});

test("pages of many queues with a few looks each skip nothing, and come to an end", () => {
  const seed = testRandom().int(0, 2 ** 30);
  let short = 0;
  for (let run = 0; run < 5; run++) {
    const random = makeRandom(seed + run);
    using dir = tempDir();
    const ids = Array.from({ length: 100 }, (_, i) => newTaskId(firstMs + i));
    const requests = new Map(
      ids.map((id) => [id, ofManyOwners(random, requestOf(random, id))]),
    );
    const known = new Map<string, Known>();
    {
      using places = openTaskPlaces(dir.path, kept);
      places.restart(beginning);
      let seq = 0;
      for (let i = 0; i < 400; i++) {
        const request = random.pick([...requests.values()]);
        const { attempt = 0 } = known.get(request.data.task_id)?.state ?? {};
        const event = anyEvent(random, request, attempt);
        takeKnown(known, { ...event, seq: ++seq, time: seq });
        places.take([deliveryOf(event, { seq, queue: request.data })]);
      }
      places.flush();
    }
    using file = openFile(dir.path);
    const queues = openQueueNumbers(file);
    assert.ok(queues.of(undefined).length > 30);
    for (let ask = 0; ask < 30; ask++) {
      const filter = anySearch(random);
      const limit = random.int(5, 15);
      const looks = random.int(1, 4);
      const found: ListedTask[] = [];
      let [cursor, count]: [string | undefined, number] = [undefined, 0];
      for (let before = "g"; ; before = cursor) {
        const question = { ...filter, limit, ...(cursor && { cursor }) };
        const page = listTasks(file, queues, question, undefined, looks);
        found.push(...page.tasks);
        cursor = page.cursor;
        if (cursor === undefined) break;
        assert.ok(cursor < before, "each page gets further");
        if (page.tasks.length < limit) short++;
      }
      do {
        const question = { ...filter, limit: 1, count: true };
        const at = cursor && { cursor };
        const page = listTasks(file, queues, { ...question, ...at }, undefined, looks); // prettier-ignore
        count += page.count ?? 0;
        cursor = page.cursor;
      } while (cursor !== undefined);
      const expected = [...known.values()]
        .filter((task) => isMeant(task, filter))
        .map((task) => listed(task, requests, filter))
        .sort((a, b) => (a.task_id < b.task_id ? 1 : -1));
      assert.deepEqual(found, expected, JSON.stringify({ seed, run, filter }));
      assert.equal(count, expected.length);
    }
  }
  assert.ok(short > 20, `${short} short pages`);
});

test("a page is short where few of many tasks have all labels, and the next pages have the others", () => {
  using dir = tempDir();
  using places = openTaskPlaces(dir.path, kept);
  places.restart(beginning);
  const both: string[] = [];
  const take = (from: number) => {
    const messages = Array.from({ length: 500 }, (_, i) => {
      const id = newTaskId();
      const isBoth = (from + i) % 2_900 === 1_450;
      if (isBoth) both.unshift(id);
      const metadata = isBoth
        ? { a: "1", b: "1" }
        : (from + i) % 2
          ? { a: "1" }
          : { b: "1" };
      // In one lane few have a label, and its tasks are found at once; in the other one the labels come in turns.
      const isRare = from + i === 1 || (isBoth && both.length % 2 > 0);
      const lane = isRare ? "batch" : "interactive";
      return deliveryOf(requested(id, { metadata, lane }), { seq: from + i });
    });
    places.take(messages);
  };
  for (let from = 1; from < 12_000; from += 500) take(from);
  const wanted = { owner: "a", metadata: { a: "1", b: "1" }, limit: 100 };
  const found: string[] = [];
  let pages = 0;
  let cursor: string | undefined;
  do {
    const question = { ...wanted, ...(cursor && { cursor }) };
    const page = places.list({ ...beginning, ...question });
    found.push(...page.tasks.map(({ task_id }) => task_id));
    cursor = page.cursor;
    pages++;
  } while (cursor !== undefined);
  assert.deepEqual(found, both);
  assert.equal(countOf(places, wanted), both.length);
  assert.equal(both.length, 4);
  assert.ok(pages > 2, `${pages} pages`);
});

test("a page ends early where its labels are long", () => {
  using dir = tempDir();
  using places = openTaskPlaces(dir.path, kept);
  places.restart(beginning);
  const pairs = Array.from({ length: 16 }, (_, i) => [`${i}`, "v".repeat(512)]);
  const metadata = Object.fromEntries(pairs) as Record<string, string>;
  const ids = Array.from({ length: 100 }, () => newTaskId());
  places.take(
    ids.map((id, i) => deliveryOf(requested(id, { metadata }), { seq: i + 1 })),
  );
  const wanted = { ...beginning, owner: "a", limit: 100 };
  const page = places.list(wanted);
  assert.ok(JSON.stringify(page).length < 500_000);
  const { cursor = "" } = page;
  const rest = places.list({ ...wanted, cursor, limit: 100 }).tasks;
  const first = page.tasks.length;
  assert.deepEqual(
    [...page.tasks, ...rest].map(({ task_id }) => task_id),
    ids.toReversed().slice(0, first + rest.length),
  );
});

test("what the log drops is listed no more, with its labels", () => {
  using dir = tempDir();
  using places = openTaskPlaces(dir.path, kept);
  places.restart(beginning);
  const labels = { user_id: "ada", metadata: { order: "A-17" } };
  const [old, young] = [newTaskId(), newTaskId()];
  places.take([
    deliveryOf(requested(old, labels), { seq: 1 }),
    deliveryOf(completed(old), { seq: 2 }),
    deliveryOf(requested(young, labels), { seq: 3 }),
  ]);
  places.flush();
  places.removeBefore(3);
  places.flush();
  places.flush();
  for (const filter of [{}, labels, { user_id: "ada" }]) {
    const wanted = { ...beginning, owner: "a", limit: 9, ...filter };
    const { tasks } = places.list(wanted);
    assert.deepEqual(
      tasks.map(({ task_id }) => task_id),
      [young],
    );
    assert.equal(countOf(places, { owner: "a", ...filter }), 1);
  }
});
