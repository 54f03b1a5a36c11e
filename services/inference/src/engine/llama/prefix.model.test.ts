/** What a slot still has of an earlier task is not computed again, and changes nothing. */
import type { Message } from "@jetscribe/schema";
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "vitest";
import {
  ask,
  openEngine,
  type TestEngine,
} from "../../../test/engineTestKit.ts";

const config = {
  engine: "llama" as const,
  // Another number of threads computes other last digits.
  ...{ slots: 3, contextSize: 1_024, threads: 1 },
};
const system = (topic: string): Message => ({
  role: "system",
  content: `You know all about ${topic}. `.repeat(12),
});
const user = (content: string): Message => ({ role: "user", content });
const questions = ["What is the sun?", "Why is the sky blue?"];

/** A chat's first answer, and the request that goes on with it; most of that is the system's message. */
async function begin(engine: TestEngine, messages: Message[]) {
  const first = await ask(engine, { messages, params: { max_tokens: 8 } });
  const answer: Message = { role: "assistant", content: first.text };
  return { first, next: [...messages, answer, user("Tell me a story.")] };
}

describe("the slot with most of a prompt takes it", () => {
  let engine: TestEngine;
  /** Nothing of the chats is in its slots. */
  let fresh: TestEngine;
  beforeAll(async () => {
    engine = await openEngine(config);
    fresh = await openEngine(config);
    await Promise.all([engine.whenReady(), fresh.whenReady()]);
  });
  afterAll(async () => {
    await engine[Symbol.asyncDispose]();
    await fresh[Symbol.asyncDispose]();
  });

  const goOn = async ({ first, next }: Awaited<ReturnType<typeof begin>>) => {
    const again = await ask(engine, { messages: next });
    // All of its system's message, or nearly: the last 64 tokens at least are read again.
    const most = Math.min(first.promptTokens, again.promptTokens - 64);
    assert.equal(again.cachedTokens, most);
    return again;
  };

  test("each of several chats goes on where it was, in any order", async () => {
    const chats = [];
    for (const topic of ["stars", "rivers", "music"])
      chats.push(await begin(engine, [system(topic), user(questions[0]!)]));
    for (const i of [1, 0, 2]) await goOn(chats[i]!);
  });

  test("of two that share their beginning, the one that shares more", async () => {
    const chats = await Promise.all(
      questions.map((question) =>
        begin(engine, [system("history"), user(question)]),
      ),
    );
    // Neither the one that was used last nor the one that was not will do.
    for (const i of [0, 1, 1, 0]) await goOn(chats[i]!);
  });

  test("of a prompt of fewer than 64 tokens all but the last, and the text is the same", async () => {
    for (const topic of ["owls", "tea", "the wind", "glass", "sleep"]) {
      const raw = { prompt: `${topic} and rivers, said the`, raw: true };
      const params = { max_tokens: 40, temperature: 0.9, seed: 5 };
      const [first, again, other] = [
        await ask(engine, { ...raw, params }),
        await ask(engine, { ...raw, params }),
        await ask(fresh, { ...raw, params }),
      ];
      assert.equal(again.cachedTokens, again.promptTokens - 1);
      assert.equal(first.text, other.text);
      assert.equal(again.text, other.text);
    }
  });

  test("the text is the same as without, and all of the prompt is counted", async () => {
    const topics = ["plants", "bread", "ships", "numbers", "the moon", "snow"];
    for (const topic of topics) {
      const chat = await begin(engine, [system(topic), user(questions[1]!)]);
      const reused = await goOn(chat);
      const computed = await ask(fresh, { messages: chat.next });
      // No more than the words that all of them begin with.
      assert.ok(computed.cachedTokens < 20);
      assert.equal(reused.text, computed.text);
      assert.equal(reused.promptTokens, computed.promptTokens);
      assert.equal(reused.completionTokens, computed.completionTokens);
    }
  });
});

for (const engineLoop of ["auto", "library"] as const)
  describe(`what an owner learns of another's prompt (ENGINE_LOOP=${engineLoop})`, () => {
    let engine: TestEngine;
    beforeAll(async () => {
      engine = await openEngine({ ...config, engineLoop, slots: 1 });
      await engine.whenReady();
    });
    afterAll(() => engine[Symbol.asyncDispose]());

    const count = async (owner: string, prompt: string) => {
      const request = { owner, prompt, raw: true, params: { max_tokens: 1 } };
      const { cachedTokens } = await ask(engine, request);
      return cachedTokens;
    };

    test("nothing of a short one, however much was guessed", async () => {
      const prompt = "the sun rose over the hill and";
      for (const guess of ["the sun", "the sun rose over the hill", prompt]) {
        await count("ann", prompt);
        assert.equal(await count("bob", guess), 0);
      }
    });

    test("of a long one whole blocks of 64 tokens", async () => {
      const system = "You know all about rivers. ".repeat(24);
      const own = await count("ann", system).then(() => count("ann", system));
      assert.notEqual(own % 64, 0);
      const told = new Set<number>();
      for (const words of [3, 17, 39, 77, 96]) {
        await count("ann", system);
        const right = system.split(" ").slice(0, words).join(" ");
        told.add(await count("bob", right + " no".repeat(80)));
      }
      assert.deepEqual(
        [...told].filter((tokens) => tokens % 64 !== 0),
        [],
      );
      assert.ok(told.size > 1);
    });
  });
