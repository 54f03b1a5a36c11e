import { openLog } from "@jetscribe/event-log/test/eventLogTestKit";
import { newTaskId } from "@jetscribe/schema";
import {
  completed,
  requested,
  retried,
  started,
} from "@jetscribe/schema/test/taskEventsTestKit";
import { serveTaskIndex } from "@jetscribe/event-log/read/taskIndex";
import { streamState } from "@jetscribe/event-log/broker/streamState";
import { natsVersions } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { describe, test } from "vitest";
import { runCli } from "../../test/cliTestKit.ts";

for (const version of await natsVersions())
  describe(`jetscribe history, the ${version} nats-server`, () => {
    test("tells every event of a task of two attempts, and where its time went", async () => {
      await using log = await openLog(version);
      const id = newTaskId();
      await log.request(3);
      await log.append(requested(id, { user_id: "ada" }));
      await log.append(started(id));
      await log.append(retried(id));
      await log.append(started(id, 2));
      await log.append(completed(id, 2));
      const { code, stdout, stderr } = await runCli(
        log.nats.url,
        "history",
        id,
      );
      assert.equal(code, 0, stderr);
      const expected = [
        ...[`task ${id}`, "completed · model demo · interactive · owner a"],
        ...["user ada", "2 attempts, 1 failed"],
        ...["+ requested  up to 16 tokens", "▶ started    attempt 1 on w1"],
        "↻ retried    attempt 1 on w1 ended: crash, it died",
        ...["▶ started    attempt 2 on w2", "✓ completed  200 tokens in 7 s"],
        ...["where the time went", "gateway", "queue", "attempt 2, w2"],
      ];
      for (const text of expected) assert.ok(stdout.includes(text), text);
      for (const text of ["a secret prompt", "the result", "\x1b"])
        assert.ok(!stdout.includes(text), text);
    });

    test("shows texts with --text, and has all of it with --json", async () => {
      await using log = await openLog(version);
      const id = newTaskId();
      await log.append(requested(id, { prompt: "a secret\n\x1b[31mprompt" }));
      await log.append(completed(id));
      const { stdout } = await runCli(log.nats.url, "history", id, "--text");
      for (const text of ["a secret\n", "\\u001b[31mprompt", "the result"])
        assert.ok(stdout.includes(text), text);
      const json = await runCli(log.nats.url, "history", id, "--json");
      const answer = JSON.parse(json.stdout) as {
        task_id: string;
        status: string;
        events: { seq: number; type: string; data: { result?: string } }[];
        timing: { total: number; parts: { seconds: number }[] };
      };
      assert.equal(answer.task_id, id);
      assert.equal(answer.status, "completed");
      assert.deepEqual(
        answer.events.map(({ seq, type }) => [seq, type]),
        [
          [1, "GenerateRequested"],
          [2, "GenerateCompleted"],
        ],
      );
      assert.equal(answer.events[1]?.data.result, "the result");
      assert.equal(
        answer.timing.total,
        answer.timing.parts.reduce((sum, { seconds }) => sum + seconds, 0),
      );
    });

    test("asks the task index where there is one", async () => {
      await using log = await openLog(version);
      const [id = ""] = await log.request(1);
      const { created } = await streamState(log.broker, "EVENTS");
      const asked: string[] = [];
      using _ = serveTaskIndex(log.broker, {
        seqs: ({ task_id, seq }) => {
          asked.push(task_id);
          return Promise.resolve({ created, position: seq, seqs: [1] });
        },
        list: () => Promise.reject(new Error("nobody asks for a list")),
        moment: () => Promise.reject(new Error("nobody asks for a moment")),
        density: () => Promise.reject(new Error("nobody asks for a density")),
        statistics: () => Promise.reject(new Error("nobody asks for them")),
      });
      const { code } = await runCli(log.nats.url, "history", id);
      assert.equal(code, 0);
      assert.deepEqual(asked, [id]);
    });
  });

test("what can't be answered is one line that says what to do, and a code", async () => {
  await using log = await openLog();
  const unknown = newTaskId();
  const cases = [
    [["history", unknown], 1, `the log has no task ${unknown}`],
    [["history", "17"], 64, "17 is no task id"],
    [["tail", "--type", "nonsense"], 64, "there are requested, started"],
    [["tail", "--from", "yesterday"], 64, "expected a time such as"],
    [["nonsense"], 64, "unknown command 'nonsense'"],
  ] as const;
  for (const [args, code, text] of cases) {
    const ran = await runCli(log.nats.url, ...args);
    assert.equal(ran.code, code, args.join(" "));
    assert.ok(ran.stderr.includes(text), ran.stderr);
    assert.ok(!ran.stderr.includes("    at "), ran.stderr);
    assert.equal(ran.stdout, "");
  }
});

test("a broker that is away, or has no log, is one line without the password", async () => {
  const away = await runCli("nats://ada:secret@127.0.0.1:1", "tail");
  assert.equal(away.code, 69);
  assert.match(away.stderr, /^jetscribe: the broker can't be reached.*\n$/);
  assert.ok(!away.stderr.includes("secret"));
  const wrong = await runCli("http://ada:secret@host", "tail");
  assert.equal(wrong.code, 78);
  assert.ok(!wrong.stderr.includes("secret"));
});
