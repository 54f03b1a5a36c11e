/** kill -9 of one process after the other, under load: nothing is lost, and nothing happens twice. */
import type { RecordedEvent } from "@jetscribe/schema";
import {
  eventually,
  natsVersions,
  startStack,
  type Stack,
} from "@jetscribe/testing";
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "vitest";
import { call, lineCounts, outcomes, type Answer } from "./client.ts";
import { countOf, histories } from "./log.ts";

const fake = { ENGINE: "fake", FAKE_MS: "60", SLOTS: "24", ACK_WAIT: "3s" };

/** Status 0: nobody answered. */
const tryToPost = (stack: Stack): Promise<Pick<Answer, "status" | "body">> =>
  call(stack, "/generate", {
    method: "POST",
    body: JSON.stringify({ prompt: "hello", max_tokens: 16 }),
  }).catch(() => ({ status: 0, body: {} }));

/** Posts without a pause until it is told to stop, or its test ends; what was accepted is what it gives. */
function keepPosting(stack: Stack) {
  const accepted: string[] = [];
  const stop = new AbortController();
  const post = async () => {
    while (!stop.signal.aborted) {
      const { status, body } = await tryToPost(stack);
      if (status === 202) accepted.push(String(body["task_id"]));
      else await sleep(20);
      assert.ok(
        [0, 202, 503].includes(status),
        `${status} ${JSON.stringify(body)}`,
      );
    }
  };
  // One that fails stops the others; `end` tells of it.
  const posting = Promise.allSettled(
    Array.from({ length: 4 }, () => post().finally(() => stop.abort())),
  );
  async function end(): Promise<string[]> {
    stop.abort();
    for (const each of await posting)
      if (each.status === "rejected") throw each.reason;
    return accepted;
  }
  return {
    accepted,
    stop: end,
    [Symbol.asyncDispose]: async () => void (await end()),
  };
}

const more = (accepted: readonly string[], count: number) => {
  const goal = accepted.length + count;
  return eventually(() => accepted.length >= goal);
};

/** In seconds since the epoch, as the broker tells the time of an event. */
const now = () => Date.now() / 1_000;

/** Was any task started by then, and without an outcome yet? */
async function wasBusy(stack: Stack, atTime: number): Promise<boolean> {
  const log = await histories(stack.natsUrl);
  const timeOf = (history: RecordedEvent[], wanted: RecordedEvent["type"]) =>
    history.find(({ type }) => type === wanted)?.time ?? Number.NaN;
  return [...log.values()].some(
    (history) =>
      timeOf(history, "GenerateStarted") <= atTime &&
      !(timeOf(history, "GenerateCompleted") <= atTime),
  );
}

/** Kills under load, and again until it has hit a running task: a kill of an idle system would prove nothing. */
async function killBusy(
  stack: Stack,
  { accepted }: { accepted: readonly string[] },
  killAndRestart: () => Promise<void>,
): Promise<void> {
  for (let tries = 0; tries < 5; tries++) {
    await more(accepted, 100);
    const killedAt = now();
    await killAndRestart();
    if (await wasBusy(stack, killedAt)) return;
  }
  assert.fail("no kill hit a running task");
}

async function assertExactlyOnce(
  stack: Stack,
  ids: readonly string[],
): Promise<void> {
  const results = await outcomes(stack, ids);
  assert.ok(results.every(({ status }) => status === "completed"));
  const log = await histories(stack.natsUrl);
  for (const id of ids)
    assert.equal(countOf(log.get(id), "GenerateCompleted"), 1);
  const counts = await lineCounts(stack.logDir, ids);
  assert.ok(counts.every((lines) => lines === 1));
}

for (const service of ["gateway", "inference", "results", "logger"] as const)
  test(`a killed ${service} loses nothing`, async () => {
    await using stack = await startStack({ env: fake });
    await using load = keepPosting(stack);
    await killBusy(stack, load, async () => {
      await stack.kill(service);
      await stack.restart(service);
      await stack.healthy();
    });
    await more(load.accepted, 50);
    await assertExactlyOnce(stack, await load.stop());
  });

for (const natsVersion of await natsVersions())
  test(`a broker (${natsVersion}) that is killed under load brings no finished task to run again`, async () => {
    await using stack = await startStack({ env: fake, natsVersion });
    await using load = keepPosting(stack);
    for (let round = 0; round < 3; round++)
      await killBusy(stack, load, async () => {
        await stack.nats.kill();
        await stack.nats.restart();
      });
    await more(load.accepted, 20);
    const ids = await load.stop();
    await assertExactlyOnce(stack, ids);
    const log = await histories(stack.natsUrl);
    for (const id of ids) {
      const history = log.get(id) ?? [];
      const end = history.findIndex(({ type }) => type === "GenerateCompleted");
      assert.deepEqual(
        history.slice(end + 1).map(({ type }) => type),
        [],
      );
    }
  });
