/** What a request says of its own times: they hold on every gateway, and whatever dies. */
import { eventually, startStack } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { test } from "vitest";
import { redisCommands } from "../chaos/wire/redis.ts";
import { call, outcome, post } from "./client.ts";
import { countOf, histories } from "./log.ts";
import { readAll } from "./sse.ts";

const services = [
  ...(["gateway", "gateway-2", "inference", "results", "logger"] as const),
];

function assertText(text: unknown): void {
  assert.ok(typeof text === "string");
  assert.match(text, /^[a-z]{4}/);
}

test("texts are shown no longer than result_ttl_ms, by any gateway and any call, also after Redis was rebuilt", async () => {
  await using stack = await startStack({ env: { ENGINE: "fake" }, services });
  const gateways = [stack, { ...stack, url: stack.url2 }];
  const [id, kept] = [
    await post(stack, { result_ttl_ms: 5_000 }),
    await post(stack),
  ];
  const shown = await outcome(stack, id);
  assertText(shown["result"]);
  const { status: isCompleted, metrics, finish_reason } = shown;
  assert.equal(isCompleted, "completed");
  const { body } = await call(stack, `/status/${id}`);
  assert.equal(Number(body["result_expires_at"]), Number(body["end_time"]) + 5);
  const isExpired = async (gateway: typeof stack) => {
    const now = await call(gateway, `/result/${id}`);
    assert.equal(now.status, 200);
    return now.body["result_expired"] === true;
  };
  for (const gateway of gateways) await eventually(() => isExpired(gateway));
  assert.ok(Date.now() / 1_000 >= Number(body["result_expires_at"]) - 1);

  async function assertHidden(): Promise<void> {
    for (const gateway of gateways) {
      for (const path of [`/result/${id}`, `/result/${id}?wait=5`]) {
        const answer = await call(gateway, path);
        assert.equal(answer.status, 200);
        const { status, result, result_expired } = answer.body;
        assert.deepEqual(
          [status, result, result_expired],
          ["completed", undefined, true],
        );
        assert.deepEqual(answer.body["metrics"], metrics);
        assert.equal(answer.body["finish_reason"], finish_reason);
      }
      const events = await readAll(gateway, id);
      assert.deepEqual(
        events.map(({ event }) => event),
        ["status", "completed"],
      );
      assert.ok(!JSON.stringify(events).includes(String(shown["result"])));
      const other = await call(gateway, `/result/${kept}`);
      assertText(other.body["result"]);
    }
  }
  await assertHidden();
  await redisCommands(stack.redis.port, [["FLUSHALL"]]);
  await assertHidden();
  await stack.kill("results");
  await redisCommands(stack.redis.port, [["FLUSHALL"]]);
  await assertHidden();
});

test("at its Cancel-After a task is cancelled once, where it runs, where it waits, and where no worker is", async () => {
  await using stack = await startStack({
    env: { ENGINE: "fake", FAKE_MS: "60000", FAKE_TOKENS: "600", SLOTS: "1" },
  });
  const hurried = async (seconds: string) => {
    const { status, body } = await call(stack, "/generate", {
      method: "POST",
      headers: { "cancel-after": seconds },
      body: JSON.stringify({ prompt: "p", max_tokens: 600 }),
    });
    assert.equal(status, 202);
    return String(body["task_id"]);
  };
  const blocker = await post(stack, { max_tokens: 600 });
  await eventually(async () => {
    const { body } = await call(stack, `/status/${blocker}`);
    return body["status"] === "processing";
  });
  const waits = await hurried("1.5");
  const end = async (id: string) => {
    const ended = await outcome(stack, id);
    assert.equal(ended["status"], "cancelled");
    assert.match(String(ended["reason"]), /cancel_after_ms/);
    const { total_time = 0 } = ended["metrics"] as Record<string, number>;
    return { ended, took: total_time };
  };
  const { took } = await end(waits);
  assert.ok(took >= 1.5, String(took));
  await call(stack, `/cancel/${blocker}`, { method: "POST" });
  const runs = await hurried("6");
  const { ended, took: ran } = await end(runs);
  // A timer may be up to 2 ms early. The results service would end it 5 s after its deadline.
  assert.ok(ran >= 5.998 && ran < 11, String(ran));
  assertText(ended["partial_text"]);
  await stack.kill("inference");
  const alone = await hurried("0.5");
  await end(alone);
  const log = await histories(stack.natsUrl);
  for (const id of [runs, waits, alone]) {
    const events = log.get(id);
    assert.equal(countOf(events, "GenerateCancelled"), 1);
    assert.equal(countOf(events, "GenerateStarted"), id === runs ? 1 : 0);
  }
});
