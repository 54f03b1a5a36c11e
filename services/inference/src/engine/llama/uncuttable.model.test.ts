/** Models whose cells can't be removed one by one: those with a recurrent state, and those with a sliding window. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, test } from "vitest";
import type { EngineConfig } from "../engine.ts";
import {
  ask,
  openEngine,
  type Ask,
  type TestEngine,
} from "../../../test/engineTestKit.ts";
import { slidingWindow, writeTinyModel } from "../../../test/modelTestKit.ts";

const contextSize = 2_048;
const folder = mkdtempSync(join(tmpdir(), "jetscribe-uncuttable-"));
afterAll(() => rmSync(folder, { recursive: true }));

const long = "The river runs past the mill and the stone bridge. ".repeat(100);
const params = { max_tokens: 40, ignore_eos: true };
const raw = (prompt: string, more: Partial<Ask> = {}): Ask => ({
  ...{ prompt, raw: true, params, ...more },
});

describe.each(["mamba", "gemma3"] as const)("%s", (architecture) => {
  let config: Partial<EngineConfig>;
  let engine: TestEngine;
  beforeAll(async () => {
    const file = join(folder, `${architecture}.gguf`);
    config = {
      ...{ engine: "llama", slots: 4, contextSize, threads: 1 },
      model: await writeTinyModel(file, { architecture }),
      speculation: "on",
      // Not even loaded: the main model can't use it.
      draftModel: file,
    };
    engine = await openEngine(config);
    await engine.whenReady();
  });
  afterAll(() => engine[Symbol.asyncDispose]());

  /** What node-llama-cpp's loop writes in a slot that has read nothing else. */
  async function askFresh(...requests: Ask[]) {
    const texts: string[] = [];
    for (const request of requests) {
      await using fresh = await openEngine({
        ...{ ...config, slots: 1, engineLoop: "library" },
      });
      await fresh.whenReady();
      texts.push((await ask(fresh, request)).text);
    }
    return texts;
  }

  test("speculation is off, which is told with the reason", () => {
    const state = engine.state();
    assert.ok(state.status === "ready");
    assert.deepEqual(state.info.speculation, {
      ...{ mode: "off", drafted_tokens: 0, accepted_tokens: 0 },
      because: "the model's cells can't be removed one by one",
    });
  });

  test("a prompt that is longer than the window, and than a batch, has the text of a fresh engine", async () => {
    const requests = [raw(`Once. ${long}`), raw(`Twice. ${long}`)];
    const [first, second] = await askFresh(...requests);
    // What is so far back that no layer looks at it changes nothing.
    if (architecture === "gemma3") assert.equal(first, second);
    const results = [];
    for (const request of requests) results.push(await ask(engine, request));
    assert.deepEqual(
      results.map(({ text }) => text),
      [first, second],
    );
    assert.ok(results[0]!.promptTokens > 16 * slidingWindow);
    assert.ok(results[0]!.promptTokens > 1_000);
  });

  test("a prompt that shares its beginning with the slot's last one has the text of a fresh engine", async () => {
    const requests = ["mill", "bridge", "mill"].map((end) =>
      raw(`${long} And the ${end}`),
    );
    const [mill, bridge] = await askFresh(...requests.slice(0, 2));
    const texts: string[] = [];
    for (const request of requests)
      texts.push((await ask(engine, request)).text);
    assert.deepEqual(texts, [mill, bridge, mill]);
  });

  test("a conversation that goes on has the text of a fresh engine", async () => {
    const first = { role: "user" as const, content: long };
    const { text } = await ask(engine, { messages: [first], params });
    const messages = [
      ...[first, { role: "assistant" as const, content: text }],
      { role: "user" as const, content: "And then?" },
    ];
    const [expected] = await askFresh({ messages, params });
    const next = await ask(engine, { messages, params });
    assert.equal(next.text, expected);
  });

  test("a text that was broken off goes on as it would have", async () => {
    const half = { params: { ...params, max_tokens: 20 } };
    const { text, completionTokens } = await ask(engine, raw(long, half));
    const request = raw(long, {
      continueFrom: { text, tokens: completionTokens },
    });
    const [expected] = await askFresh(request);
    const rest = await ask(engine, request);
    assert.equal(rest.text, expected);
    assert.equal(rest.completionTokens, params.max_tokens);
  });

  test("four at once have the texts that each has alone", async () => {
    const requests = ["one", "two", "three", "four"].map((word) =>
      raw(`${long.slice(0, 1_500)} ${word}`),
    );
    const alone = [];
    for (const request of requests)
      alone.push((await ask(engine, request)).text);
    assert.equal(new Set(alone).size, 4);
    const together = await Promise.all(
      requests.map((request) => ask(engine, request)),
    );
    assert.deepEqual(
      together.map(({ text }) => text),
      alone,
    );
  });
});
