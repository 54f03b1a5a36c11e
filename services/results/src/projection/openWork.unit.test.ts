import { evolve, type RecordedEvent, type TaskState } from "@jetscribe/schema";
import fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "vitest";
import { noOpenWork, openWorkAfter, projectTasks } from "./projectTasks.ts";
import { completed, requested, started } from "../../test/resultsTestKit.ts";

test("what is unfinished follows the tasks, in whatever batches their events come", () => {
  const events = Array.from({ length: 12 }, (_, i) => {
    const id = `task-${i % 4}`;
    const life = [requested(id), started(id), completed(id)];
    return { ...life[Math.floor(i / 4)], seq: i + 1, time: i } as RecordedEvent;
  });
  const batches = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 12 });
  fc.assert(
    fc.property(batches, fc.integer({ min: 0, max: 12 }), (sizes, upTo) => {
      const states = new Map<string, TaskState | undefined>();
      let open = noOpenWork;
      for (let at = 0, i = 0; at < upTo; i++) {
        const batch = events.slice(at, Math.min(upTo, at + (sizes[i] ?? 1)));
        at += batch.length;
        const ids = batch.map(({ data }) => data.task_id);
        const before = new Map(ids.map((id) => [id, states.get(id)]));
        const changes = projectTasks(before, batch);
        for (const { after } of changes) states.set(after.task_id, after);
        open = openWorkAfter(open, changes, 5);
      }
      const tasks = Math.min(4, upTo) - Math.max(0, upTo - 8);
      assert.equal(open.tasks, tasks);
      assert.equal(open.tokens, 16 * tasks);
      assert.equal(open.bytes, 2_000 * tasks);
    }),
  );
});

test("a long JSON schema is in the outcome once more", () => {
  const event = requested("a");
  assert.ok(event.type === "GenerateRequested");
  const schema = { enum: ["x".repeat(5_000)] };
  event.data.params.response_format = {
    ...{ type: "json_schema" as const, json_schema: { schema } },
  };
  const after = evolve(undefined, { ...event, seq: 1, time: 0 });
  assert.ok(after);
  const { bytes } = openWorkAfter(
    noOpenWork,
    [{ before: undefined, after }],
    5,
  );
  assert.ok(bytes > 7_000 && bytes < 7_500, String(bytes));
});
