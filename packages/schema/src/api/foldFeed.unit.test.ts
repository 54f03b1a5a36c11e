import fc from "fast-check";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "vitest";
import type { RecordedEvent, TaskEvent } from "../generate/events.ts";
import { evolve, isOpen, type TaskState } from "../generate/task.ts";
import { newTaskId } from "../generate/taskId.ts";
import {
  cancelled,
  completed,
  failed,
  requested,
  retried,
  started,
} from "../../test/taskEventsTestKit.ts";
import { FeedQuery, type FeedEvent, type NowSnapshot } from "./feed.ts";
import {
  evolveListed,
  newestRows,
  takeEvent,
  takeTasksFrame,
  withDelta,
  type TaskRows,
} from "./foldFeed.ts";
import type { ListedTask } from "./tasks.ts";

const task_id = newTaskId();

/** An event as the feed tells it: what its subject and its headers say. */
function told(event: TaskEvent, seq: number): FeedEvent {
  const { type, data } = event;
  return {
    ...{ seq, time: seq, type, task_id: data.task_id },
    ...{ model: "demo", lane: "interactive" },
    ...((type === "GenerateStarted" || type === "GenerateRetried") && {
      attempt: event.data.attempt,
    }),
    ...(type === "GenerateFailed" && { error_type: event.data.error.type }),
  };
}

const attempt = fc.integer({ min: 1, max: 4 });
const anyEvent: fc.Arbitrary<TaskEvent> = fc.oneof(
  fc.constant<TaskEvent>(requested(task_id)),
  attempt.map((n) => started(task_id, n)),
  attempt.map((n) => retried(task_id, n)),
  attempt.map((n) => completed(task_id, n)),
  attempt.map((n) => failed(task_id, n)),
  fc.constant<TaskEvent>(cancelled(task_id)),
);

describe("a listed task", () => {
  test("goes through the states that evolve gives it, whatever events come", () => {
    fc.assert(
      fc.property(fc.array(anyEvent, { maxLength: 12 }), (events) => {
        let state: TaskState | undefined;
        let listed: ListedTask | undefined;
        events.forEach((event, i) => {
          const recorded: RecordedEvent = { ...event, seq: i + 1, time: i + 1 };
          state = evolve(state, recorded);
          listed = evolveListed(listed, told(event, i + 1));
          assert.equal(listed?.status, state?.status);
          if (state === undefined) return;
          // Of an outcome only the body says which attempt it ends.
          if (isOpen(state)) assert.equal(listed?.attempt, state.attempt);
          else assert.equal(listed?.ended_at, state.end_time);
          assert.equal(listed, evolveListed(listed, told(event, i + 1)));
        });
      }),
    );
  });

  test("has what its request says", () => {
    const said = {
      ...{ user_id: "u", metadata: { a: "b" }, group: "g", not_before: 9 },
    };
    const request = { ...told(requested(task_id), 1), ...said };
    const { user_id, metadata, group, not_before } =
      evolveListed(undefined, request) ?? {};
    assert.deepEqual({ user_id, metadata, group, not_before }, said);
  });

  test("leaves the rows where its status is not wanted", () => {
    const rows: TaskRows = new Map();
    const wanted = { status: ["queued" as const] };
    takeEvent(rows, told(requested(task_id), 1), wanted);
    assert.equal(rows.size, 1);
    takeEvent(rows, told(started(task_id), 2), wanted);
    assert.equal(rows.size, 0);
  });

  test("leaves the rows where its error is not the one that is looked for", () => {
    const rows: TaskRows = new Map();
    const end = told(failed(task_id), 3);
    takeEvent(rows, told(requested(task_id), 1));
    takeEvent(rows, { ...end, error_message: "too slow" }, { error: "SLOW" });
    assert.equal(rows.get(task_id)?.error_message, "too slow");
    takeEvent(rows, told(started(task_id), 4), { error: "memory" });
    assert.equal(rows.size, 0);
  });
});

test("a delta's rows replace those of the page, and the newest come first", () => {
  const rows: TaskRows = new Map();
  const ids = [newTaskId(1_000), newTaskId(2_000), newTaskId(3_000)];
  ids.forEach((id, i) => takeEvent(rows, told(requested(id), i + 1)));
  const [first = "", second = "", third = ""] = ids;
  const row = evolveListed(rows.get(second), told(started(second), 4));
  const counts = { requested: 0, started: 1, retried: 0 };
  const delta = {
    ...{ seq: 4, tasks: row ? [row] : [], gone: [first] },
    counts: { ...counts, completed: 0, failed: 0, cancelled: 0 },
  };
  takeTasksFrame(rows, delta, { limit: 2 });
  const left = newestRows(rows).map(({ task_id, status }) => [task_id, status]);
  assert.deepEqual(left, [
    [third, "queued"],
    [second, "processing"],
  ]);
  takeTasksFrame(rows, delta, { limit: 1 });
  assert.deepEqual([...rows.keys()], [third]);
});

test("the view now takes changed rows and drops workers that are gone", () => {
  const row = { model: "demo", lane: "batch", queued: 1, running: 0 } as const;
  const worker = { worker_id: "w1", model: "demo", engine: "fake" };
  const page = {
    ...{ view: "now", seq: 1, rows: [row], failures: [], health: {} },
    workers: [worker, { ...worker, worker_id: "w2" }],
  } as unknown as NowSnapshot;
  const counts = { requested: 0, started: 0, retried: 0 };
  const next = withDelta(page, {
    ...{ seq: 2, rows: [{ ...row, queued: 2 }], workers: [], gone: ["w1"] },
    counts: { ...counts, completed: 0, failed: 0, cancelled: 0 },
  });
  assert.deepEqual(next.rows, [{ ...row, queued: 2 }]);
  assert.deepEqual(
    next.workers.map((one) => one.worker_id),
    ["w2"],
  );
});

test("a query names fields of its view only", () => {
  const ok = (query: object) => FeedQuery.safeParse(query).success;
  assert.ok(ok({ view: "now" }));
  assert.ok(ok({ view: "tasks", status: "queued,failed", "metadata.a": "b" }));
  assert.ok(ok({ view: "task", task_id }));
  assert.ok(!ok({ view: "task" }));
  assert.ok(!ok({ view: "now", status: "queued" }));
  assert.ok(!ok({ view: "tasks", task_id }));
  assert.ok(!ok({ view: "now", key: "k" }));
});

test("what browsers load to fold events loads no package", () => {
  const seen = new Set<string>();
  function load(url: URL): void {
    if (seen.has(url.href)) return;
    seen.add(url.href);
    const source = readFileSync(url, "utf8");
    const imports = source.matchAll(
      /^(?:import|export) (?!type |(?:const|function|interface) )[^;]*?from "([^"]+)";/gms,
    );
    for (const [, from = ""] of imports) {
      assert.match(from, /^\.\.?\//, url.pathname);
      load(new URL(from, url));
    }
  }
  load(new URL("../evolve.ts", import.meta.url));
  assert.ok(seen.size > 5);
});

test("a task's id in capitals is the same one, as in all calls", () => {
  const query = { view: "task", task_id: task_id.toUpperCase() };
  assert.equal(FeedQuery.parse(query).task_id, task_id);
});
