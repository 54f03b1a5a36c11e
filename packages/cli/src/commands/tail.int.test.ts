import { openLog, queue } from "@jetscribe/event-log/test/eventLogTestKit";
import { newTaskId } from "@jetscribe/schema";
import {
  completed,
  failed,
  requested,
  started,
} from "@jetscribe/schema/test/taskEventsTestKit";
import { eventually, natsVersions } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { describe, test } from "vitest";
import { startCli } from "../../test/cliTestKit.ts";

for (const version of await natsVersions())
  describe(`jetscribe tail, the ${version} nats-server`, () => {
    test("shows what is stored from now on, goes on after a restart of the broker, and ends with Ctrl-C", async () => {
      await using log = await openLog(version);
      await log.request(2);
      await using tail = startCli(log.nats.url, "tail");
      const id = newTaskId();
      await eventually(async () => {
        await log.request(1); // Until it listens.
        return tail.stdout().includes("+ requested");
      });
      await log.append(requested(id));
      await log.append(started(id));
      await tail.says(`▶ started    ${id}  demo a  attempt 1 on w1`);
      await log.nats.kill("SIGKILL");
      await eventually(() => !log.broker.connected);
      await log.nats.restart();
      await log.broker.whenConnected();
      await log.append(completed(id));
      await tail.says(`✓ completed  ${id}`);
      assert.ok(!tail.stdout().includes("a secret prompt"));
      assert.equal(tail.stdout().split(`▶ started    ${id}`).length, 2);
      tail.signal("SIGINT");
      assert.equal(await tail.ended(), 0);
      assert.match(
        tail.stderr(),
        /^jetscribe: the broker is gone: waiting until it is back\n/,
      );
    });

    test("keeps to a task and a lane, without texts, and tells how far it is behind", async () => {
      await using log = await openLog(version);
      const [mine, other] = [newTaskId(), newTaskId()];
      const batch = { ...queue, lane: "batch" } as const;
      await log.append(requested(mine, { lane: "batch" }), batch);
      await using task = startCli(
        log.nats.url,
        ...["tail", "--task", mine.toUpperCase(), "--since", "1h"],
        ...["--json", "--no-text"],
      );
      await using lane = startCli(
        log.nats.url,
        ...["tail", "--lane", "batch", "--from", "1h"],
      );
      await Promise.all([task.says("GenerateRequested"), lane.says(mine)]);
      await log.append(requested(other));
      // It takes nothing, while more is stored than any pipe between holds.
      lane.pauseReading();
      await log.request(12_000, batch);
      await log.append(started(mine), batch);
      await task.says("GenerateStarted");
      lane.goOnReading();
      await lane.says(`▶ started    ${mine}`);
      assert.ok(!lane.stdout().includes(other));
      assert.equal(task.stdout().trim().split("\n").length, 2);
      assert.match(task.stdout(), /"model":"demo"/);
      assert.doesNotMatch(task.stdout(), /"prompt"/);
      await eventually(() => /caught up/.test(lane.stderr()));
      assert.match(lane.stderr(), /[1-9]\d?,\d{3} events behind: they are stored faster/); // prettier-ignore
    });

    test("shows a user's events alone, of tasks that were open before too", async () => {
      await using log = await openLog(version);
      const [mine, done, other] = [newTaskId(), newTaskId(), newTaskId()];
      await log.append(requested(mine, { user_id: "ada" }));
      await log.append(requested(done, { user_id: "ada" }));
      await log.append(completed(done));
      await log.append(requested(other, { user_id: "bob" }));
      await using tail = startCli(
        log.nats.url,
        ...["tail", "--user", "ada", "--type", "started,failed", "--json"],
      );
      let attempt = 0;
      await eventually(async () => {
        await log.append(started(mine, ++attempt));
        return tail.stdout() !== "";
      });
      await log.append(started(other));
      await log.append(started(done, 2));
      await log.append(failed(mine));
      await tail.says("GenerateFailed");
      const lines = tail.stdout().trim().split("\n");
      const tasks = lines.map(
        (line) => (JSON.parse(line) as { data: { task_id: string } }).data,
      );
      assert.deepEqual(
        new Set(tasks.map(({ task_id }) => task_id)),
        new Set([mine]),
      );
    });
  });

test("ends without a word once nobody reads on", async () => {
  await using log = await openLog();
  await log.request(3);
  await using tail = startCli(log.nats.url, "tail", "--from", "1h");
  await tail.says("+ requested");
  tail.stopReading();
  await log.append(requested(newTaskId()), queue);
  await log.append(requested(newTaskId()), queue);
  assert.equal(await tail.ended(), 0);
  assert.equal(tail.stderr(), "");
});
