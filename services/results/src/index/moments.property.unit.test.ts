/** Lists and counts at moments of the past, held against a fold of all events up to the moment by `evolve`. */
import type { Delivery } from "@jetscribe/event-log/read/pull";
import type { MomentRow } from "@jetscribe/event-log/read/taskIndex";
import {
  isOpen,
  newTaskId,
  slugOf,
  type ListedTask,
  type RecordedEvent,
} from "@jetscribe/schema";
import { makeRandom, testRandom, type Random } from "@jetscribe/testing";
import assert from "node:assert/strict";
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
import { foldMessage, momentRows, openOf } from "./moments.ts";
import { eventsPerSnapshot } from "./snapshots.ts";
import { openTaskPlaces, type TaskPlaces } from "./taskPlaces.ts";

const beginning = { created: "then", seq: 0, id: "" };
const tasks = 25;

/** Random events far enough apart that snapshots lie between them, and all that was made of them. The first task stays open. */
function fill(random: Random, dir: string) {
  let places = openTaskPlaces(dir, kept);
  places.restart(beginning);
  const requests: Requests = new Map();
  for (let i = 0; i < tasks; i++) {
    const id = newTaskId(firstMs + i);
    requests.set(id, requestOf(random, id));
  }
  const messages: Delivery[] = [];
  const known = new Map<string, Known>();
  const events: RecordedEvent[] = [];
  let seq = 0;
  const [lasting, ...others] = requests.values();
  assert.ok(lasting);
  for (let i = 0; i < 150; i++) {
    seq += random.int(1, random.pick([2, eventsPerSnapshot]));
    const request = i === 0 ? lasting : random.pick(others);
    const before = known.get(request.data.task_id);
    const attempt = before?.state.attempt ?? 0;
    const event = i === 0 ? lasting : anyEvent(random, request, attempt);
    const time = firstMs / 1_000 + 60 + seq / 100;
    const message = deliveryOf(event, { seq, time, queue: request.data });
    messages.push(message);
    events.push({ ...event, seq, time });
    takeKnown(known, { ...event, seq, time });
    places.take([message]);
    if (random.chance(0.2)) places.flush();
    if (random.chance(0.05)) {
      places.flush();
      places[Symbol.dispose]();
      places = openTaskPlaces(dir, kept);
    }
  }
  return { places, requests, messages, events, last: seq };
}

type Filled = ReturnType<typeof fill>;

function openAt({ places, messages }: Filled, at: number) {
  const { seq, rows } = places.snapshotAt(at);
  for (const message of messages)
    if (message.seq > seq && message.seq <= at)
      foldMessage(rows, message, places);
  return openOf(at, rows, places);
}

/** All pages of a list at a moment. */
function walk(
  places: TaskPlaces,
  filter: Filter,
  open: ReturnType<typeof openAt>,
  limit: number,
): ListedTask[] {
  const found: ListedTask[] = [];
  let cursor: string | undefined;
  do {
    const question = { ...filter, limit, ...(cursor && { cursor }) };
    const page = places.list({ ...beginning, ...question }, open);
    assert.ok(page.tasks.length <= limit);
    found.push(...page.tasks);
    cursor = page.cursor;
  } while (cursor !== undefined);
  return found;
}

function expectedRows(known: Iterable<Known>, owner?: string): MomentRow[] {
  const rows = new Map<string, MomentRow>();
  for (const { state } of known) {
    if (!isOpen(state)) continue;
    if (owner !== undefined && slugOf(state.owner) !== owner) continue;
    const [model, { lane, task_id }] = [slugOf(state.model), state];
    const name = `${model} ${lane}`;
    const row = rows.get(name) ?? { model, lane, queued: 0, running: 0 };
    rows.set(name, row);
    if (state.status === "processing") row.running++;
    else {
      row.queued++;
      if (task_id < (row.oldest ?? "g")) row.oldest = task_id;
    }
  }
  return byName([...rows.values()]);
}

const byName = (rows: MomentRow[]) =>
  rows.sort((a, b) => (a.model + a.lane < b.model + b.lane ? -1 : 1));

test("a moment of the past is what a fold of all events up to it makes, by any filter", () => {
  const seed = testRandom().int(0, 2 ** 30);
  const counts = { open: 0, ended: 0, snapshots: 0 };
  for (let run = 0; run < 15; run++) {
    const random = makeRandom(seed + run);
    using dir = tempDir();
    const filled = fill(random, dir.path);
    using places = filled.places;
    const { requests, events, last } = filled;
    for (let ask = 0; ask < 25; ask++) {
      const at = random.int(0, last);
      const known = new Map<string, Known>();
      for (const event of events) if (event.seq <= at) takeKnown(known, event);
      const open = openAt(filled, at);
      counts.snapshots += places.snapshotAt(at).rows.size;
      const owner = random.pick([undefined, slugOf("a"), slugOf("Team B")]);
      assert.deepEqual(
        byName(momentRows(open, places.queuesOf(owner))),
        expectedRows(known.values(), owner),
        JSON.stringify({ seed, run, at, owner }),
      );
      const filter = anyFilter(random);
      const expected = [...known.values()]
        .filter((task) => isMeant(task, filter))
        .map((task) => ({
          ...listed(task, requests, filter),
          requested_at: timeOf(events, task.state.seq),
        }))
        .sort((a, b) => (a.task_id < b.task_id ? 1 : -1));
      const found = walk(places, filter, open, random.int(1, 6));
      const said = JSON.stringify({ seed, run, at, filter });
      assert.deepEqual(found, expected, said);
      counts.open += open.rows.size;
      counts.ended += found.filter(({ ended_at }) => ended_at).length;
    }
  }
  assert.ok(
    counts.open > 500 && counts.ended > 150 && counts.snapshots > 500,
    JSON.stringify(counts),
  );
});

const timeOf = (events: readonly RecordedEvent[], seq: number) =>
  events.find((event) => event.seq === seq)?.time;

test("what the log has dropped is in no snapshot any more", () => {
  const random = testRandom();
  using dir = tempDir();
  const filled = fill(random, dir.path);
  using places = filled.places;
  const { last } = filled;
  const middle = Math.floor(last / 2);
  assert.ok(places.snapshotAt(middle).rows.size > 0);
  places.removeBefore(last + 2 * eventsPerSnapshot);
  for (let i = 0; i < 400; i++) places.flush();
  assert.equal(places.snapshotAt(middle).rows.size, 0);
});

test("the density of the log counts each event where it was stored", () => {
  const random = testRandom();
  using dir = tempDir();
  const { places, events } = fill(random, dir.path);
  using _ = places;
  const [first, last] = [events[0], events.at(-1)];
  assert.ok(first && last);
  for (const buckets of [1, 7, 60, 1_000]) {
    const wanted = { from: first.time, to: last.time, first_seq: 1, buckets };
    const density = places.density({ ...beginning, ...wanted });
    assert.ok(density.events.length <= buckets);
    let end = density.from;
    let sum = 0;
    for (const count of density.events) {
      end += density.bucket_s;
      sum += count;
      // As sequences go: what is not in the log any more counts too.
      const upTo = events.findLast(({ time }) => time < end)?.seq ?? 0;
      assert.equal(sum, upTo);
    }
    assert.equal(sum, last.seq);
  }
});
