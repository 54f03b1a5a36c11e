import { openLog } from "@jetscribe/event-log/test/eventLogTestKit";
import { evolve, newTaskId, type TaskState } from "@jetscribe/schema";
import {
  completed,
  failed,
  requested,
  retried,
  started,
} from "@jetscribe/schema/test/taskEventsTestKit";
import { eventAt } from "@jetscribe/event-log/broker/streamState";
import { natsVersions } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, test } from "vitest";
import { runCli } from "../../test/cliTestKit.ts";

interface State {
  at: number;
  seq: number;
  queued: number;
  running: number;
  completed: number;
  failed: number;
  cancelled: number;
  tasks: TaskState[];
}

for (const version of await natsVersions())
  describe(`jetscribe state, the ${version} nats-server`, () => {
    test("tells what was queued and what ran at each moment of the log, as evolve folds what replay gives", async () => {
      await using log = await openLog(version);
      const [x, y, z] = [newTaskId(), newTaskId(), newTaskId()];
      const b = { model: "demo", lane: "batch", owner: "b" } as const;
      const events = [
        ...[requested(x, { user_id: "ada" }), requested(y), started(x)],
        ...[retried(x), started(y), completed(y), requested(z), started(x, 2)],
        failed(x, 2),
      ];
      for (const event of events) {
        await log.append(event);
        await sleep(2); // Moments are told apart by the millisecond.
      }
      await log.append(requested(newTaskId(), b), b);
      const all = await Promise.all(
        events.map((_, i) => eventAt(log.broker, i + 1)),
      );
      for (const seq of [1, 4, 6, 9]) {
        // The first millisecond in which it is stored already.
        const at = Math.floor((all[seq - 1]?.time ?? 0) * 1_000 + 1) / 1_000;
        const ran = await runCli(
          log.nats.url,
          ...["state", "--json", "--at", String(at)],
        );
        assert.equal(ran.code, 0, ran.stderr);
        const told = JSON.parse(ran.stdout) as State;
        const states = [x, y, z].flatMap((id) => {
          const own = all
            .slice(0, seq)
            .flatMap((event) => (event?.data.task_id === id ? [event] : []));
          return own.reduce<TaskState | undefined>(evolve, undefined) ?? [];
        });
        const count = (...wanted: string[]) =>
          states.filter(({ status }) => wanted.includes(status)).length;
        assert.deepEqual(told, {
          ...{ at, seq },
          ...{ queued: count("queued"), running: count("processing") },
          ...{ completed: count("completed"), failed: count("failed") },
          cancelled: 0,
          tasks: [
            ...states.filter(({ status }) => status === "processing"),
            ...states.filter(({ status }) => status === "queued"),
          ],
        });
      }
      const now = await runCli(log.nats.url, "state", "--owner", "a");
      const lines = [
        ...[/queued +1 +the oldest for /, /running +0/, /completed +1/],
        ...[/failed +1/, /cancelled +0/, new RegExp(`${z}  demo a · for `)],
      ];
      for (const line of lines) assert.match(now.stdout, line);
    });
  });

test("a log without an event, and a moment before all events, have no tasks", async () => {
  await using log = await openLog();
  const empty = await runCli(log.nats.url, "state", "--json");
  assert.deepEqual((JSON.parse(empty.stdout) as State).tasks, []);
  await log.request(1);
  const before = await runCli(log.nats.url, "state", "--json", "--at", "1h");
  const { queued, seq } = JSON.parse(before.stdout) as State;
  assert.deepEqual([queued, seq], [0, 0]);
});
