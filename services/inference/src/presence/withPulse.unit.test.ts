import { eventually, testRandom } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { test } from "vitest";
import type { EngineResult } from "../engine/engine.ts";
import type { EngineProcess } from "../engine/process/engineProcess.ts";
import { withPulse } from "./withPulse.ts";

const info = { slots: 1, contextSize: 1, engine: "fake" };
/** No whole number of thirds. */
const times = { hangTimeoutMs: 1_000 };
const result: EngineResult = {
  text: "a",
  finishReason: "stop",
  cachedTokens: 0,
  seed: 1,
  promptTokens: 1,
  completionTokens: 1,
};
const counts = { promptTokens: 1, completionTokens: 1 };

/** An engine that answers, or stands still. */
function makeEngine() {
  const asked: unknown[] = [];
  const on = { stands: false, ready: true };
  const generate: EngineProcess["generate"] = async (request, { signal }) => {
    asked.push(request.probe);
    if (!on.stands) return result;
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
    throw signal.reason;
  };
  const state: EngineProcess["state"] = () =>
    on.ready ? { status: "ready", info } : { status: "starting" };
  return { generate, state, asked, on };
}

test("an engine without work is probed, and lives by that", async () => {
  const engine = makeEngine();
  using pulse = withPulse(engine, times);
  await eventually(() => engine.asked.length > 5);
  assert.ok(engine.asked.every((probe) => probe === true));
  await eventually(() => pulse.lives());
});

test("one that stands still is seen, and seen again when it goes on", async () => {
  const engine = makeEngine();
  using pulse = withPulse(engine, times);
  assert.ok(pulse.lives());
  engine.on.stands = true;
  await eventually(() => !pulse.lives());
  engine.on.stands = false;
  await eventually(() => pulse.lives());
});

test("one with work is not probed, and lives by its tokens", async () => {
  const engine = makeEngine();
  const random = testRandom();
  using pulse = withPulse(
    {
      ...engine,
      async generate(_, { onText, onRead, signal }) {
        while (!signal.aborted) {
          await new Promise((resolve) => setTimeout(resolve, 5));
          if (random.chance(0.5)) onText("a", counts);
          else onRead?.();
        }
        return result;
      },
    },
    times,
  );
  const stop = new AbortController();
  const options = { signal: stop.signal, onText: () => undefined };
  const request = {
    prompt: "x",
    params: { max_tokens: 1, temperature: 0, top_p: 1 },
  };
  const running = pulse.generate(request, options);
  const until = performance.now() + 3 * times.hangTimeoutMs;
  await eventually(() => performance.now() > until && pulse.lives());
  assert.deepEqual(engine.asked, []);
  stop.abort();
  await running;
});

test("one that is not ready does not live", () => {
  const engine = makeEngine();
  engine.on.ready = false;
  using pulse = withPulse(engine, times);
  assert.equal(pulse.lives(), false);
});
