/** Statistics against a count of the same events one by one. */
import {
  durationKinds,
  newTaskId,
  type Queue,
  type TaskEvent,
} from "@jetscribe/schema";
import {
  cancelled,
  completed,
  failed,
  metrics,
  requested,
  retried,
  started,
} from "@jetscribe/schema/test/taskEventsTestKit";
import fc from "fast-check";
import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, test } from "vitest";
import { deliveryOf, kept } from "../../test/indexTestKit.ts";
import { tempDir } from "../../test/resultsTestKit.ts";
import {
  assertCounted,
  countedRows,
  type Range,
  type Told,
} from "../../test/statisticsTestKit.ts";
import { addStored, newBucket } from "./bucket.ts";
import { openTaskPlaces, type TaskPlaces } from "../index/taskPlaces.ts";

/** A full hour. */
const t0 = 1_764_000_000;
const end = { created: "then", seq: 0 };
const beginning = { created: "then", seq: 0, id: "" };

const queues: Queue[] = [
  { model: "demo", lane: "interactive", owner: "a" },
  { model: "demo", lane: "batch", owner: "b" },
  { model: "other", lane: "batch", owner: "a", group: "g" },
];

/** In an order and with repetitions that a broker can produce, and others that `evolve` has to bear. */
const step = fc.record({
  task: fc.nat(5),
  what: fc.constantFrom(
    ...["requested", "started", "retried", "completed", "failed", "cancelled"],
  ),
  attempt: fc.integer({ min: 1, max: 3 }),
  seconds: fc.oneof(fc.integer({ min: 0, max: 15 }), fc.constant(500)),
  wait: fc.double({ min: 0, max: 100, noNaN: true }),
  processing: fc.double({ min: 0, max: 100, noNaN: true }),
  first: fc.option(fc.double({ min: 0, max: 1, noNaN: true })),
  tokens: fc.nat(1_000),
  /** How long its not_before is ahead, in seconds; below 0: it is over. */
  ahead: fc.option(fc.integer({ min: -5, max: 60 })),
  flush: fc.boolean(),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

function eventOf(id: string, one: Step, queue: Queue): TaskEvent {
  const { attempt, wait, processing, first, tokens, ahead } = one;
  const { time_to_first_token: _, ...rest } = metrics;
  const over = {
    metrics: {
      ...rest,
      ...{ queue_wait_time: wait, processing_time: processing },
      total_time: wait + processing,
      ...{ prompt_tokens: tokens, completion_tokens: 2 * tokens },
      ...(first !== null && { time_to_first_token: first }),
    },
  };
  const schedule = { enqueue_time: t0, not_before: t0 + (ahead ?? 0) };
  if (one.what === "requested")
    return requested(id, { ...queue, ...(ahead !== null && schedule) });
  if (one.what === "started") return started(id, attempt);
  if (one.what === "retried") return retried(id, attempt);
  if (one.what === "completed") return completed(id, attempt, over);
  if (one.what === "failed") return failed(id, attempt, over);
  return cancelled(id, over);
}

/** Takes in what the steps say; half a second behind each other's second, from `t0` on. */
function take(places: TaskPlaces, steps: readonly Step[]): Told[] {
  const ids = Array.from({ length: 6 }, () => newTaskId());
  const told: Told[] = [];
  let time = t0 + 0.5;
  for (const [i, one] of steps.entries()) {
    time += one.seconds;
    const queue = queues[one.task % queues.length]!;
    const event = eventOf(ids[one.task]!, one, queue);
    const seq = i + 1;
    places.take([deliveryOf(event, { seq, time, queue })]);
    told.push({ event: { ...event, seq, time }, queue });
    if (one.flush) places.flush();
  }
  return told;
}

function rangesOf(told: readonly Told[]): Range[] {
  const last = told.at(-1)?.event.time ?? t0;
  return [10, 60, 300, 3_600].map((step) => {
    const to = Math.ceil(last / step + 0.001) * step;
    // Ten seconds are kept for an hour.
    const from = step === 10 ? Math.max(t0, to - 3_500) : t0;
    return { from: Math.floor(from / step) * step, to, step };
  });
}

function assertStatistics(places: TaskPlaces, told: readonly Told[]): void {
  for (const range of rangesOf(told)) {
    const ask = (wanted: object, part = range) =>
      places.statistics({ ...end, ...wanted, parts: [part] })[0]!.rows;
    assertCounted(ask({}), countedRows(told, range), range);
    const [early] = [{ ...range, to: range.from + range.step }];
    assertCounted(ask({}, early), countedRows(told, early), early);
    for (const [model, lane] of [
      ["demo"],
      ["demo", "batch"],
      [undefined, "batch"],
    ]) {
      const isMeant = (queue: Queue) =>
        (model ?? queue.model) === queue.model &&
        (lane ?? queue.lane) === queue.lane;
      const wanted = { ...(model && { model }), ...(lane && { lane }) };
      assertCounted(ask(wanted), countedRows(told, range, isMeant), range);
    }
    const rows = ask({ byModel: true });
    for (const { model, lane } of queues) {
      const own = rows.filter(
        (row) => row.model === model && row.lane === lane,
      );
      const isMeant = (queue: Queue) =>
        queue.model === model && queue.lane === lane;
      const counted = countedRows(told, range, isMeant);
      const isEmpty = counted.every(({ accepted }) => accepted === 0);
      if (own.length > 0 || !isEmpty) assertCounted(own, counted, range);
    }
    if (range.step < 60) continue;
    for (const owner of ["a", "b", "nobody"]) {
      const isMeant = (queue: Queue) => queue.owner === owner;
      const counted = countedRows(told, range, isMeant);
      assertCounted(ask({ owner }), counted, range, false);
    }
  }
}

describe("statistics", () => {
  test("are what a count of the events comes to, in every step, by model, lane and owner, also in the next process", () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 60 }), (steps) => {
        using dir = tempDir();
        let told: Told[];
        {
          using places = openTaskPlaces(dir.path, kept);
          places.restart(beginning);
          told = take(places, steps);
          assertStatistics(places, told);
        }
        using places = openTaskPlaces(dir.path, kept);
        assertStatistics(places, told);
      }),
      { numRuns: 60 },
    );
  });

  /** All buckets that are kept, as they stand in the file. */
  function bucketsOf(steps: readonly Step[], flushed: "given" | "never") {
    using dir = tempDir();
    {
      using places = openTaskPlaces(dir.path, kept);
      places.restart(beginning);
      const isNever = flushed === "never";
      take(places, isNever ? steps.map((one) => ({ ...one, flush: false })) : steps); // prettier-ignore
      places.flush();
    }
    using db = new DatabaseSync(join(dir.path, "tasks-1.sqlite"));
    const rows = db
      .prepare(
        `SELECT series, start, name, waiting, running, data FROM statistics
        WHERE series <> 1 OR start > (SELECT max(start) FROM statistics) - 3500 ORDER BY 1, 2, 3`,
      )
      .all();
    return rows.map(({ data, waiting, running, ...row }) => {
      const bucket = newBucket();
      addStored(bucket, {
        ...{ waiting: Number(waiting), running: Number(running) },
        data: String(data),
      });
      return { ...row, ...bucket };
    });
  }

  test("come to the same buckets when the log is read again, also where a clock was set back", () => {
    const seconds = fc.oneof(fc.integer({ min: -600, max: 500 }), fc.nat(15));
    const backwards = fc
      .tuple(step, seconds)
      .map(([one, seconds]) => ({ ...one, seconds }));
    const lives = fc.array(backwards, { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(lives, (steps) => {
        const [first, again] = [
          bucketsOf(steps, "given"),
          bucketsOf(steps, "never"),
        ];
        assert.equal(first.length, again.length);
        for (const [i, { durations, ...counted }] of first.entries()) {
          const { durations: others, ...rest } = again[i]!;
          assert.deepEqual(counted, rest);
          for (const kind of durationKinds) {
            const [one, other] = [durations[kind], others[kind]];
            assert.deepEqual(one?.counts, other?.counts);
            const apart = Math.abs((one?.sum ?? 0) - (other?.sum ?? 0));
            assert.ok(apart <= 1e-9 * (1 + (one?.sum ?? 0)), kind);
          }
        }
      }),
      { numRuns: 60 },
    );
  });

  const life = (queue: Queue, at: number, seq: number) => {
    const id = newTaskId();
    return [requested(id, queue), started(id), completed(id)].map((event, i) =>
      deliveryOf(event, { seq: seq + i, time: at, queue }),
    );
  };
  const [demo] = queues;
  const accepted = (places: TaskPlaces, range: Range, wanted: object = {}) => {
    const [part] = places.statistics({ ...end, ...wanted, parts: [range] });
    const rows = part?.rows ?? [];
    return {
      from: part?.from,
      sum: rows.reduce((sum, row) => sum + row.accepted, 0),
    };
  };

  test("begin again with the log", () => {
    using dir = tempDir();
    using places = openTaskPlaces(dir.path, kept);
    const range = { from: t0, to: t0 + 60, step: 60 };
    places.restart(beginning);
    places.take(life(demo!, t0, 1));
    assert.equal(accepted(places, range).sum, 1);
    places.restart(beginning);
    assert.equal(accepted(places, range).sum, 0);
    places.take(life(demo!, t0, 1));
    assert.equal(accepted(places, range).sum, 1);
    assert.equal(accepted(places, range, { owner: "a" }).sum, 1);
  });

  test("are kept as long as is said, by the log's time, and the file keeps no more", () => {
    using dir = tempDir();
    const places = openTaskPlaces(dir.path, kept);
    places.restart(beginning);
    const day = 86_400;
    const cases = [
      [10, 3_600, {}],
      [60, 7 * day, {}],
      [60, day, { owner: "a" }],
      [3_600, 90 * day, { owner: "a" }],
    ] as const;
    for (const [i, [step, keptS, wanted]] of cases.entries()) {
      const first = t0 + i * 200 * day;
      const at = { from: first, to: first + step, step };
      places.take(life(demo!, first, 9 * i + 1));
      places.take(life(demo!, first + keptS - 60, 9 * i + 4));
      assert.deepEqual(accepted(places, at, wanted), { from: first, sum: 1 });
      places.take(life(demo!, first + keptS + step + 60, 9 * i + 7));
      const later = accepted(places, at, wanted);
      assert.deepEqual(later, { from: at.to, sum: 0 });
    }
    places.flush();
    places[Symbol.dispose]();
    const db = new DatabaseSync(join(dir.path, "tasks-1.sqlite"));
    const rows = db.prepare("SELECT count(*) AS n FROM statistics").get();
    db.close();
    // Of twelve tasks the last two's: the last one's in ten seconds, which longer steps are added up of later, the other
    // one's in the three longer steps, and both in an owner's minutes and hours.
    assert.equal(rows?.["n"], 8);
  });

  test("have so many names in a step, and count the others together", () => {
    using dir = tempDir();
    using places = openTaskPlaces(dir.path, kept);
    places.restart(beginning);
    const range = { from: t0, to: t0 + 60, step: 60 };
    const models = Array.from({ length: 300 }, (_, i) => `m${i}`);
    models.forEach((model, i) =>
      places.take(life({ ...demo!, model }, t0 + i / 10, 3 * i + 1)),
    );
    assert.equal(accepted(places, range).sum, 300);
    assert.equal(accepted(places, range, { model: "m255" }).sum, 1);
    assert.equal(accepted(places, range, { model: "m256" }).sum, 0);
    assert.equal(accepted(places, range, { model: "*" }).sum, 44);
  });

  test("come in answers that fit into a message, each in whole steps", () => {
    using dir = tempDir();
    using places = openTaskPlaces(dir.path, kept);
    places.restart(beginning);
    for (let i = 0; i < 3_000; i++)
      places.take(life({ ...demo!, model: `m${i % 30}` }, t0 + i, 3 * i + 1));
    const wanted = { byModel: true, histograms: true };
    const to = t0 + 3_000;
    let sum = 0;
    let answers = 0;
    for (let from = t0; from < to; answers++) {
      const parts = [{ from, to, step: 10 }];
      const [part] = places.statistics({ ...end, ...wanted, parts });
      assert.ok(JSON.stringify(part).length < 700_000);
      assert.ok(part && part.to > from);
      sum += part.rows.reduce((all, row) => all + row.accepted, 0);
      from = part.to;
    }
    assert.equal(sum, 3_000);
    assert.ok(answers > 1);
  });
});
