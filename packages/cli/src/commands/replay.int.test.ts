import {
  openLog,
  queue,
  type Log,
} from "@jetscribe/event-log/test/eventLogTestKit";
import { newTaskId, streams } from "@jetscribe/schema";
import {
  cancelled,
  completed,
  failed,
  requested,
  retried,
  started,
} from "@jetscribe/schema/test/taskEventsTestKit";
import { eventually, natsVersions } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { parse } from "csv-parse/sync";
import { spawnSync } from "node:child_process";
import { closeSync, existsSync, openSync } from "node:fs";
import { describe, test } from "vitest";
import { main, runCli, startCli } from "../../test/cliTestKit.ts";

interface Line {
  seq: number;
  time: number;
  type: string;
  model: string;
  lane: string;
  owner: string;
  data: { task_id: string; prompt?: string };
}

const linesOf = (stdout: string): Line[] =>
  stdout
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Line);

async function replay(log: Log, ...args: string[]): Promise<Line[]> {
  const ran = await runCli(log.nats.url, "replay", ...args);
  assert.deepEqual([ran.code, ran.stderr], [0, ""]);
  return linesOf(ran.stdout);
}

const seqsOf = (lines: Line[]): number[] => lines.map(({ seq }) => seq);

const b = { model: "other-model", lane: "batch", owner: "b" } as const;

/** Two owners, two models, two users, and every type of event. */
async function fill(log: Log) {
  const [x, y, z] = [newTaskId(), newTaskId(), newTaskId()];
  await log.append(requested(x, { user_id: "ada", prompt: 'a "\n\u2028' })); // 1
  await log.append(requested(y, { ...b, user_id: "bob" }), b); // 2
  await log.append(requested(z)); // 3
  await log.append(started(x)); // 4
  await log.append(retried(x)); // 5
  await log.append(started(y), b); // 6
  await log.append(failed(y), b); // 7
  await log.append(started(x, 2)); // 8
  await log.append(completed(x, 2)); // 9
  await log.append(cancelled(z)); // 10
  return { x, y, z };
}

for (const version of await natsVersions())
  describe(`jetscribe replay, the ${version} nats-server`, () => {
    test("writes the whole log as it stands, in order, and goes on behind a sequence", async () => {
      await using log = await openLog(version);
      const { x } = await fill(log);
      const lines = await replay(log);
      assert.deepEqual(seqsOf(lines), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
      const [first, second] = lines;
      assert.deepEqual(
        { ...first, time: 0, data: 0 },
        { seq: 1, time: 0, type: "GenerateRequested", ...queue, data: 0 },
      );
      assert.equal(first?.data.task_id, x);
      assert.equal(first.data.prompt, 'a "\n\u2028');
      assert.ok(Math.abs(first.time - Date.now() / 1_000) < 600);
      assert.equal(second?.owner, "b");
      assert.deepEqual(seqsOf(await replay(log, "--after", "7")), [8, 9, 10]);
      assert.deepEqual(seqsOf(await replay(log, "--after", "10")), []);
    });

    test("keeps to all filters together", async () => {
      await using log = await openLog(version);
      await fill(log);
      const args =
        "--user ada --owner a --model demo --lane interactive --type completed,GenerateStarted,retried --status processing,completed --after 4";
      assert.deepEqual(seqsOf(await replay(log, ...args.split(" "))), [8, 9]);
    });

    test("writes CSV with a head, and texts only where they are wanted", async () => {
      await using log = await openLog(version);
      const { x, z } = await fill(log);
      const csv = async (...args: string[]) => {
        const words = ["replay", "--format", "csv", ...args];
        const ran = await runCli(log.nats.url, ...words);
        assert.deepEqual([ran.code, ran.stderr], [0, ""]);
        return parse<Record<string, string>>(ran.stdout, { columns: true });
      };
      const rows = await csv();
      assert.deepEqual(
        rows.map(({ seq }) => Number(seq)),
        [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
      );
      assert.deepEqual(
        [rows[0]?.["task_id"], rows[0]?.["prompt"], rows[9]?.["task_id"]],
        [x, 'a "\n\u2028', z],
      );
      const [bare] = await csv("--no-text");
      assert.deepEqual([bare?.["task_id"], bare?.["prompt"]], [x, ""]);
      // Of no events there is a head.
      const none = await runCli(log.nats.url, "replay", "--format", "csv", "--owner", "nobody"); // prettier-ignore
      assert.match(
        none.stdout,
        /^seq,time,type,.*,result,not_before,group,retry_of\r\n$/,
      );
    });

    test("takes what was stored from one time until before another", async () => {
      await using log = await openLog(version);
      await log.request(3);
      const lines = await replay(log);
      const middle = lines[1]?.time ?? 0;
      const inMs = String(Math.floor(middle * 1_000) / 1_000);
      const from = await replay(log, "--from", inMs);
      const to = await replay(log, "--to", inMs);
      assert.deepEqual(seqsOf([...to, ...from]), [1, 2, 3]);
      assert.ok(seqsOf(from).includes(2));
      assert.deepEqual(await replay(log, "--from", "now"), []);
      assert.deepEqual(seqsOf(await replay(log, "--to", "now")), [1, 2, 3]);
      assert.deepEqual(await replay(log, "--to", "1h"), []);
    });

    test("leaves out what is no event, and says how much", async () => {
      await using log = await openLog(version);
      await log.request(1);
      const js = log.broker.nc;
      const subject = "llm.events.started.demo.interactive.a";
      for (const body of ["no JSON", "17", "[1]", '{"pretty":\n1}'])
        await js.request(subject, body, { timeout: 60_000 });
      await log.request(1);
      const ran = await runCli(log.nats.url, "replay");
      assert.deepEqual(seqsOf(linesOf(ran.stdout)), [1, 5, 6]);
      assert.match(ran.stderr, /left out 3 messages/);
    });

    test("gives each event once where the broker is killed and its reader waits", async () => {
      await using log = await openLog(version);
      const tasks = 6_000;
      await log.request(tasks);
      await using cli = startCli(log.nats.url, "replay");
      cli.pauseReading();
      const { jsm } = log.broker;
      await eventually(async () => {
        const readers = await jsm.consumers.list(streams.events).next();
        return readers.some(({ delivered }) => delivered.stream_seq > 0);
      });
      await log.nats.kill("SIGKILL");
      await eventually(() => !log.broker.connected);
      await log.nats.restart();
      await log.broker.whenConnected();
      cli.goOnReading();
      assert.equal(await cli.ended(), 0, cli.stderr());
      const seqs = seqsOf(linesOf(cli.stdout()));
      assert.deepEqual(
        seqs,
        Array.from({ length: tasks }, (_, i) => i + 1),
      );
    });
  });

test("a reader that has enough ends it without a word", async () => {
  await using log = await openLog();
  await log.request(6_000);
  await using enough = startCli(log.nats.url, "replay");
  await enough.says("\n");
  enough.stopReading();
  assert.deepEqual([await enough.ended(), enough.stderr()], [0, ""]);
});

test.skipIf(!existsSync("/dev/full"))(
  "a disk that is full is told of, and is a failure",
  async () => {
    await using log = await openLog();
    await log.request(1);
    const full = openSync("/dev/full", "w");
    const ran = spawnSync(process.execPath, [main, "replay"], {
      env: { NATS_URL: log.nats.url },
      stdio: ["ignore", full, "pipe"],
      encoding: "utf8",
    });
    closeSync(full);
    assert.match(ran.stderr, /the output can't be written: ENOSPC/);
    assert.equal(ran.status, 1);
  },
);

test("a log that begins behind --after is told of", async () => {
  await using log = await openLog();
  await log.request(5);
  await log.broker.jsm.streams.purge("EVENTS", { seq: 4 });
  const ran = await runCli(log.nats.url, "replay", "--after", "1");
  assert.deepEqual(seqsOf(linesOf(ran.stdout)), [4, 5]);
  assert.match(ran.stderr, /dropped 2 events behind --after: it goes on at 4/);
});
