import { appendTextRead } from "@jetscribe/event-log/audit/auditLog";
import { openLog, type Log } from "@jetscribe/event-log/test/eventLogTestKit";
import { newTaskId, type TextRead } from "@jetscribe/schema";
import { requested } from "@jetscribe/schema/test/taskEventsTestKit";
import { natsVersions } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { describe, test } from "vitest";
import { runCli } from "../../test/cliTestKit.ts";

const readBy = (key_id: string, task_id: string, owner: string): TextRead => ({
  ...{ task_id, owner, key_id, key_owner: "Ada's key" },
  ...{ parts: ["prompt", "result"], surface: "dashboard" },
  trace_id: "0".repeat(31) + "1",
});

async function fill(log: Log) {
  const [a, b] = [newTaskId(), newTaskId()];
  await log.append(requested(a));
  const by = { source: "gateway", now: new Date() };
  for (const read of [
    readBy("env:a", a, "Team A"),
    readBy("env:b", b, "b"),
    readBy("env:b", a, "Team A"),
  ])
    await appendTextRead(log.broker, read, by);
  return { a, b };
}

for (const version of await natsVersions())
  describe(`jetscribe audit, the ${version} nats-server`, () => {
    test("writes the records as JSON lines, by task, owner, key and time", async () => {
      await using log = await openLog(version);
      const { a, b } = await fill(log);
      const seqs = async (...args: string[]) => {
        const ran = await runCli(log.nats.url, "audit", ...args);
        assert.deepEqual([ran.code, ran.stderr], [0, ""]);
        const lines = ran.stdout.split("\n").slice(0, -1);
        return lines.map((line) => (JSON.parse(line) as { seq: number }).seq);
      };
      assert.deepEqual(await seqs(), [1, 2, 3]);
      assert.deepEqual(await seqs("--task", a.toUpperCase()), [1, 3]);
      assert.deepEqual(await seqs("--owner", "team-a", "--key", "env:b"), [3]);
      assert.deepEqual(await seqs("--from", "1h"), [1, 2, 3]);
      assert.deepEqual(await seqs("--to", "1h"), []);
      const { stdout } = await runCli(log.nats.url, "audit", "--task", b);
      const { seq, type, data } = JSON.parse(stdout) as {
        seq: number;
        type: string;
        data: TextRead;
      };
      assert.deepEqual([seq, type], [2, "TextRead"]);
      assert.deepEqual(data, readBy("env:b", b, "b"));
    });

    test("a task's history tells who opened its texts", async () => {
      await using log = await openLog(version);
      const { a } = await fill(log);
      const { stdout } = await runCli(log.nats.url, "history", a);
      const lines = stdout.split("\n");
      const title = lines.indexOf("who opened the texts");
      assert.match(
        lines[title + 1] ?? "",
        /prompt and result, key Ada's key \(env:a\), dashboard$/,
      );
      const json = await runCli(log.nats.url, "history", a, "--json");
      const { text_reads } = JSON.parse(json.stdout) as {
        text_reads: { key_id: string }[];
      };
      assert.deepEqual(
        text_reads.map(({ key_id }) => key_id),
        ["env:a", "env:b"],
      );
    });

    test("what is no task id is wrong use, and a broker without the stream is said", async () => {
      await using log = await openLog(version);
      const wrong = await runCli(log.nats.url, "audit", "--task", "1");
      assert.equal(wrong.code, 64);
      await log.broker.jsm.streams.delete(log.broker.streams.audit);
      const none = await runCli(log.nats.url, "audit");
      assert.equal(none.code, 69);
      assert.match(none.stderr, /no stream AUDIT/);
    });
  });
