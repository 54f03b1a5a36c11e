/** What the context takes, by the type of its keys and values, and what does not fit. */
import assert from "node:assert/strict";
import { totalmem } from "node:os";
import { test } from "vitest";
import {
  ask,
  openEngine,
  type TestEngine,
} from "../../../test/engineTestKit.ts";

const config = {
  engine: "llama" as const,
  ...{ slots: 2, contextSize: 1_024, threads: 1 },
};

async function memoryOf(engine: TestEngine) {
  const { memory } = await engine.whenReady();
  assert.ok(memory !== undefined);
  return memory;
}

test("a context of q8_0 takes about half of one of f16, and its texts end as they should", async () => {
  await using full = await openEngine(config);
  await using half = await openEngine({ ...config, kvCacheType: "q8_0" });
  const [f16, q8] = [await memoryOf(full), await memoryOf(half)];
  // 1,024 tokens of four layers, of 256 keys and 256 values each, of two bytes.
  assert.equal(f16.kv_per_slot_mib, 4);
  assert.ok(q8.kv_per_slot_mib > 2 && q8.kv_per_slot_mib < 2.5);
  assert.ok(f16.weights_mib > 3.5 && f16.weights_mib < 4.5);
  assert.ok(f16.compute_mib > 0);
  const params = { max_tokens: 60 };
  const request = { prompt: "Tell me a story.", params };
  const [one, other] = [await ask(full, request), await ask(half, request)];
  assert.equal(other.completionTokens, one.completionTokens);
  assert.equal(other.text.slice(0, 20), one.text.slice(0, 20));
});

test("without flash attention the same is written", async () => {
  await using off = await openEngine({ ...config, flashAttention: "off" });
  await off.whenReady();
  const { text } = await ask(off, { prompt: "Tell me a story." });
  assert.match(text, /^Once upon a time/);
});

test("a context that does not fit says by how much, and what would", async () => {
  // Of four times the machine's memory, at 4 KiB for each token, and of 400 GB at most: before llama.cpp refuses a
  // context it spends time and memory on each of its tokens.
  const contextSize = Math.min(Math.ceil(totalmem() / 2 ** 10), 100_000_000);
  await using engine = await openEngine(
    { ...config, slots: 1, contextSize },
    { backoff: { firstMs: 600_000, maxMs: 600_000 } },
  );
  const failed = new Promise<void>((resolve) => engine.onChange(resolve));
  await failed;
  const state = engine.state();
  assert.ok(state.status === "failed");
  assert.match(
    state.error.message,
    new RegExp(
      String.raw`1 slots of ${contextSize} tokens need [\d.]+ MiB, [\d.]+ MiB more than is free; CONTEXT_SIZE=\d+`,
    ),
  );
});
