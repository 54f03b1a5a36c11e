import fc from "fast-check";
import assert from "node:assert/strict";
import { describe, test } from "vitest";
import type { RecordedEvent, TaskEvent } from "./events.ts";
import { isOutcome } from "./isOutcome.ts";
import { evolve, isOpen, type TaskState } from "./task.ts";
import {
  cancelled,
  completed,
  failed,
  reasons,
  record,
  requested,
  retried,
  started,
  statesOf,
} from "../../test/generateTestKit.ts";

/** What only some requests say, and their states keep. */
const options = {
  cancel_after_ms: fc.integer({ min: 1, max: 5_000 }),
  no_retry: fc.constant(true),
  not_before: fc.integer({ min: 1, max: 5_000 }),
  result_ttl_ms: fc.integer({ min: 1, max: 5_000 }),
  reserved_tokens: fc.nat(),
  traceparent: fc.constant(`00-${"1".repeat(32)}-${"2".repeat(16)}-01`),
};
const asked: fc.Arbitrary<TaskEvent> = fc
  .record(options, { requiredKeys: [] })
  .map((more) => ({ ...requested, data: { ...requested.data, ...more } }));
const optionsOf = (event: TaskEvent | undefined): string[] =>
  Object.keys(event?.data ?? {}).filter((name) => name in options);

/** What workers, gateways and results may write of one task, in an order in which they may. */
const life: fc.Arbitrary<TaskEvent[]> = fc
  .tuple(
    fc.array(fc.constantFrom(...reasons), { maxLength: 5 }),
    fc.constantFrom("run", "completed", "failed", "cancelled", "none"),
  )
  .map(([ends, end]) => {
    const attempts = ends.flatMap((reason, i) => [
      started(i + 1),
      retried(i + 1, reason),
    ]);
    const last = ends.length + 1;
    const tails: Record<typeof end, TaskEvent[]> = {
      none: [],
      run: [started(last)],
      completed: [started(last), completed(last)],
      failed: [failed(ends.length)],
      cancelled: [cancelled],
    };
    return [...attempts, ...tails[end]];
  })
  .chain((rest) => asked.map((request) => [request, ...rest]));

/** Anything at all about the task, from workers that know nothing of each other. */
const attempt = fc.integer({ min: 1, max: 5 });
const stray: fc.Arbitrary<TaskEvent> = fc.oneof(
  asked,
  fc
    .tuple(attempt, fc.integer({ min: 0, max: 9_000 }))
    .map(([n, at]) => started(n, at)),
  fc
    .tuple(attempt, fc.constantFrom(...reasons))
    .map(([n, why]) => retried(n, why)),
  attempt.map(completed),
  fc.integer({ min: 0, max: 5 }).map(failed),
  fc.constant(cancelled),
);

/** A life with strays in between, repeats of any part of it, in any order, and cut off at either end. */
const history: fc.Arbitrary<RecordedEvent[]> = fc
  .tuple(life, fc.array(stray, { maxLength: 8 }))
  .chain(([events, strays]) => {
    const all = [...events, ...strays];
    const any = fc.array(fc.constantFrom(...all), { maxLength: 30 });
    const shuffled = fc.shuffledSubarray(all);
    const part = fc.tuple(fc.nat(all.length), fc.nat(all.length));
    const cut = part.map(([from, to]) => all.slice(from, to));
    return fc.oneof(fc.constant(all), any, shuffled, cut);
  })
  .map(record);

const property = (check: (events: RecordedEvent[]) => void) =>
  fc.assert(fc.property(history, check), { numRuns: 1_000 });

/** Which fields a state has besides those of every task. */
const facts = [
  ...["task_id", "seq", "model", "lane", "owner", "enqueue_time"],
  ...["timeout_ms", "start_timeout_ms", "max_tokens"],
  ...["status", "attempt", "failures"],
];
const end = ["end_time", "end_seq", "metrics"];
const fields: Record<TaskState["status"], string[]> = {
  queued: [],
  processing: ["worker_id"],
  completed: [...end, "result", "finish_reason"],
  failed: [...end, "error"],
  cancelled: end,
};

describe("whatever the broker gives, in any order, repeated or cut off", () => {
  test("only a request makes a task, and the first one stays", () => {
    property((events) => {
      const first = events.findIndex((one) => one.type === "GenerateRequested");
      statesOf(events).forEach((state, i) => {
        assert.equal(state !== undefined, first >= 0 && i >= first);
        assert.ok(state === undefined || state.seq === events[first]?.seq);
      });
    });
  });

  test("a state has exactly the fields of its status", () => {
    property((events) => {
      const request = events.find(({ type }) => type === "GenerateRequested");
      const kept = optionsOf(request);
      for (const state of statesOf(events)) {
        if (!state) continue;
        const ran = state.first_start === undefined ? [] : ["first_start"];
        const again = state.since === undefined ? [] : ["since"];
        const more = [...kept, ...ran, ...again, ...fields[state.status]];
        const expected = [...facts, ...more];
        assert.deepEqual(Object.keys(state).sort(), expected.sort());
        if (state.status === "processing") assert.ok(state.attempt > 0);
        if (!isOpen(state)) continue;
        const before = state.status === "queued" ? 0 : 1;
        assert.equal(state.since !== undefined, state.attempt > before);
      }
    });
  });

  test("the first outcome after the request wins, and nothing changes it", () => {
    property((events) => {
      const made = events.findIndex((one) => one.type === "GenerateRequested");
      const wins = events.findIndex((one, i) => i > made && isOutcome(one));
      const states = statesOf(events);
      states.forEach((state, i) => {
        const ended = made >= 0 && wins >= 0 && i >= wins;
        assert.equal(state !== undefined && !isOpen(state), ended);
        if (ended) assert.equal(state, states[wins]);
      });
      const task = states[wins];
      if (made < 0 || !task || isOpen(task)) return;
      const winner = events[wins];
      assert.equal(task.end_seq, winner?.seq);
      assert.equal(
        `Generate${task.status}`.toLowerCase(),
        winner?.type.toLowerCase(),
      );
      if (winner?.type === "GenerateCompleted")
        assert.deepEqual(
          task.status === "completed" && [task.result, task.attempt],
          [winner.data.result, winner.data.attempt],
        );
    });
  });

  test("while it is open, attempt and failures never decrease, and (attempt, phase) only rises", () => {
    property((events) => {
      const open = statesOf(events).filter((one) => one && isOpen(one));
      open.forEach((state, i) => {
        const before = open[i - 1];
        if (!state || !before || state === before) return;
        assert.ok(state.failures - before.failures <= 1);
        assert.ok(state.failures >= before.failures);
        const next = state.attempt > before.attempt;
        const over =
          before.status === "processing" && state.status === "queued";
        assert.ok(next || (over && state.attempt === before.attempt));
      });
    });
  });

  test("failures are the attempts that crashed, hung or were gone, each counted once", () => {
    property((events) => {
      const states = statesOf(events);
      const task = states.at(-1);
      if (!task) return;
      const counted = events.filter(
        ({ type, data }, i) =>
          type === "GenerateRetried" &&
          states[i] !== states[i - 1] &&
          !["drain", "lease"].includes(data.reason),
      );
      assert.equal(task.failures, counted.length);
      assert.ok(task.failures <= 5);
    });
  });

  test("an event that is given again right away changes nothing", () => {
    property((events) => {
      const states = statesOf(events);
      states.forEach((state, i) => {
        const event = events[i];
        if (event) assert.equal(evolve(state, event), state);
      });
    });
  });

  test("repeats of what was seen already change nothing at all", () => {
    fc.assert(
      fc.property(life, fc.array(fc.nat(), { maxLength: 20 }), (events, at) => {
        const once = record(events);
        const again = at.reduce((list, n) => {
          const from = n % list.length;
          const to = from + 1 + (n % (list.length - from));
          const copy = list[from];
          return copy ? list.toSpliced(to, 0, copy) : list;
        }, once);
        assert.deepEqual(statesOf(again).at(-1), statesOf(once).at(-1));
      }),
    );
  });

  test("evolve changes neither the state nor the event that it is given", () => {
    property((events) => {
      const frozen = events.map((event) => deepFreeze(structuredClone(event)));
      let state: TaskState | undefined;
      for (const event of frozen) {
        state = evolve(state, event);
        if (state) deepFreeze(state);
      }
    });
  });
});

function deepFreeze<T extends object>(value: T): T {
  for (const part of Object.values(value))
    if (typeof part === "object" && part !== null) deepFreeze(part as object);
  return Object.freeze(value);
}
