import {
  evolve,
  newTaskId,
  type RecordedEvent,
  type TaskEvent,
  type TaskState,
} from "@jetscribe/schema";
import fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "vitest";
import { projectTasks } from "./projectTasks.ts";
import {
  completed,
  requested,
  retried,
  started,
} from "../../test/resultsTestKit.ts";

const recorded = (events: TaskEvent[], firstSeq = 1): RecordedEvent[] =>
  events.map((event, i) => ({ ...event, seq: firstSeq + i, time: 1_000 + i }));

test("a task that passes through its whole life in one batch is one change", () => {
  const id = newTaskId();
  const changes = projectTasks(
    new Map(),
    recorded([requested(id), started(id), completed(id)]),
  );
  assert.equal(changes.length, 1);
  assert.equal(changes[0]?.before, undefined);
  assert.equal(changes[0]?.after.status, "completed");
});

test("what changes nothing is no change: repeats, a second outcome, a task without a request", () => {
  const [id, unknown] = [newTaskId(), newTaskId()];
  const [change] = projectTasks(
    new Map(),
    recorded([requested(id), started(id), completed(id)]),
  );
  const again = [
    requested(id),
    started(id, 9),
    completed(id),
    started(unknown),
  ];
  const before = new Map([
    [id, change?.after],
    [unknown, undefined],
  ]);
  assert.deepEqual(projectTasks(before, recorded(again, 4)), []);
});

test("however the log is cut into batches, the states are those of one fold", () => {
  const ids = Array.from({ length: 4 }, () => newTaskId());
  const event = fc
    .tuple(
      fc.constantFrom(...ids),
      fc.constantFrom(requested, started, retried, completed),
      fc.integer({ min: 1, max: 3 }),
    )
    .map(([id, make, attempt]) =>
      make === requested
        ? requested(id)
        : (make as typeof started)(id, attempt),
    );
  fc.assert(
    fc.property(
      fc.array(fc.array(event, { maxLength: 6 }), { maxLength: 8 }),
      (batches) => {
        const all = recorded(batches.flat());
        const folded = new Map<string, TaskState | undefined>();
        for (const one of all)
          folded.set(
            one.data.task_id,
            evolve(folded.get(one.data.task_id), one),
          );
        const projected = new Map<string, TaskState | undefined>();
        let at = 0;
        for (const batch of batches) {
          const events = all.slice(at, (at += batch.length));
          const before = new Map(
            events.map(({ data }) => [
              data.task_id,
              projected.get(data.task_id),
            ]),
          );
          for (const { before: was, after } of projectTasks(before, events)) {
            assert.equal(was, projected.get(after.task_id));
            projected.set(after.task_id, after);
          }
        }
        for (const id of ids)
          assert.deepEqual(projected.get(id), folded.get(id));
      },
    ),
  );
});
