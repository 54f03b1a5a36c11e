/**
 * Workers on a broker whose TOKENS alone can't be written any more, and answers no publish: live text is lost, tasks
 * are not. A limit on the size of its files stands for the full disk.
 */
import { isOutcome, streams, subjects } from "@jetscribe/schema";
import { eventually, natsVersions } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { describe, test } from "vitest";
import {
  cancel,
  historyOf,
  nextWordOf,
  outcomesOf,
  queueEmpty,
  readLog,
  started,
  startSystem,
  type System,
} from "../../test/workerTestKit.ts";

/** 100 ms for each token. */
const paced = { FAKE_MS: "60000", FAKE_TOKENS: "600", SLOTS: "8" };
/** 5 ms for each. */
const fast = { ...paced, FAKE_MS: "3000" };

const mostBytes = 300_000;

/** From now on no file that is larger than all of EVENTS is written. */
async function stickTokens({ broker, nats }: System): Promise<void> {
  const filler = Buffer.alloc(mostBytes);
  await broker.nc.request(subjects.tokens("filler"), filler, {
    timeout: 60_000,
  });
  const { state } = await broker.jsm.streams.info(streams.tokens);
  assert.ok(state.bytes > mostBytes);
  const limit = `--fsize=${mostBytes}:unlimited`;
  execFileSync("prlimit", ["--pid", `${nats.pid}`, limit]);
  await eventually(async () => {
    const put = broker.nc.request(subjects.tokens("filler"), filler);
    return await put
      .then((answer) => /"error"/.test(answer.string()))
      .catch(() => true);
  });
}

const outcomeOf = async ({ broker }: System, id: string) =>
  (await readLog(broker))
    .filter(isOutcome)
    .find(({ data }) => data.task_id === id);

const skip = process.platform !== "linux" && "prlimit is Linux's";
for (const version of await natsVersions())
  describe(
    `while TOKENS is stuck (${version} nats-server) a task`,
    { skip: Boolean(skip), concurrent: true },
    () => {
      test("completes, times out or is cancelled as ever", async () => {
        await using system = await startSystem({ version });
        await system.startWorker(paced);
        const before = await system.request({ max_tokens: 3 });
        await outcomesOf(system.broker, [before]);
        await stickTokens(system);
        const short = await system.request({ max_tokens: 3 });
        const long = await system.request({ max_tokens: 60 });
        const late = await system.request({
          max_tokens: 600,
          timeout_ms: 10_000,
        });
        const unwanted = await system.request({ max_tokens: 600 });
        await started(system.broker, 5);
        await cancel(system, unwanted);
        const ids = [short, long, late];
        const events = await outcomesOf(system.broker, ids);
        for (const id of [short, long])
          assert.equal(
            historyOf(events, id),
            "requested, started.1, completed",
          );
        const timedOut = await outcomeOf(system, late);
        assert.ok(timedOut?.type === "GenerateFailed");
        assert.equal(timedOut.data.error.type, "TimeoutError");
        const { partial_text = "" } = timedOut.data;
        assert.ok(partial_text.length > 10, partial_text);
        await queueEmpty(system.broker);
        assert.equal(
          historyOf(await readLog(system.broker), unwanted),
          "requested, started.1, cancelled",
        );
      });

      test("is taken over from a worker that died, and completes", async () => {
        await using system = await startSystem({ version });
        // On a busy machine too it runs until the other worker is there.
        const slow = { ...paced, FAKE_MS: "600000" };
        const first = await system.startWorker(slow);
        const id = await system.request({
          ...{ max_tokens: 600, timeout_ms: 600_000 },
        });
        await started(system.broker, 1);
        await system.startWorker(fast);
        await nextWordOf(system.broker, () => true);
        await stickTokens(system);
        first.kill("SIGKILL");
        const events = await outcomesOf(system.broker, [id]);
        assert.equal(
          historyOf(events, id),
          "requested, started.1, retried.1 gone, started.2, completed",
        );
      });
    },
  );
