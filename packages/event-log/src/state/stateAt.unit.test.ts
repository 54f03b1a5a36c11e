import { evolve, isOpen, newTaskId, type TaskState } from "@jetscribe/schema";
import {
  cancelled,
  completed,
  failed,
  requested,
  retried,
  started,
} from "@jetscribe/schema/test/taskEventsTestKit";
import * as fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "vitest";
import { makeLogFold } from "./stateAt.ts";

type Event = ReturnType<typeof completed>;
const recorded = (event: Event, seq: number) => ({ ...event, seq, time: seq });

const makers = [requested, started, retried, completed, failed, cancelled] as ((
  task_id: string,
) => Event)[];

/** Events of four tasks in any order, repetitions included. */
const ids = Array.from({ length: 4 }, () => newTaskId());
const anyLog = fc
  .array(fc.tuple(fc.constantFrom(...makers), fc.constantFrom(...ids)))
  .map((all) => all.map(([make, id], i) => recorded(make(id), i + 1)));

test("the fold has what evolve makes of each task's events, whatever comes", () => {
  fc.assert(
    fc.property(anyLog, (events) => {
      const fold = makeLogFold();
      for (const event of events) fold.take(event);
      const { open, ended, seq } = fold.moment();
      assert.equal(seq, events.length);
      const states = ids.flatMap((id) => {
        const own = events.filter(({ data }) => data.task_id === id);
        return own.reduce<TaskState | undefined>(evolve, undefined) ?? [];
      });
      assert.deepEqual(
        [...open.values()].sort((a, b) => a.seq - b.seq),
        states.filter(isOpen).sort((a, b) => a.seq - b.seq),
      );
      for (const status of ["completed", "failed", "cancelled"] as const)
        assert.equal(
          ended[status],
          states.filter((state) => state.status === status).length,
        );
    }),
  );
});

test("a fold that goes on from a moment gives the same as one that read all", () => {
  fc.assert(
    fc.property(anyLog, fc.nat(), (events, n) => {
      const at = n % (events.length + 1);
      // A request that comes again behind the moment would be a new task: the broker takes none.
      const seen = new Set(events.slice(0, at).map((e) => e.data.task_id));
      const rest = events
        .slice(at)
        .filter(
          (e) => e.type !== "GenerateRequested" || !seen.has(e.data.task_id),
        );
      const [whole, first] = [makeLogFold(), makeLogFold()];
      for (const event of [...events.slice(0, at), ...rest]) whole.take(event);
      for (const event of events.slice(0, at)) first.take(event);
      const second = makeLogFold(first.moment());
      for (const event of rest) second.take(event);
      assert.deepEqual(
        [second.moment().open, second.moment().ended],
        [whole.moment().open, whole.moment().ended],
      );
    }),
  );
});
