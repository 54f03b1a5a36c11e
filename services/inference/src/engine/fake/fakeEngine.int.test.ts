import assert from "node:assert/strict";
import { describe, test } from "vitest";
import { engineContract } from "../../../test/engineContract.ts";
import { ask, openEngine } from "../../../test/engineTestKit.ts";

describe("the fake engine", () => {
  engineContract({ engine: "fake", fakeMs: 400 });

  test("takes its time", async () => {
    await using engine = await openEngine({ fakeMs: 200, fakeTokens: 4 });
    await engine.whenReady();
    const start = performance.now();
    const { text, completionTokens } = await ask(engine, { prompt: "p" });
    assert.ok(performance.now() - start >= 199);
    assert.equal(text, "behi lezo napo wofa");
    assert.equal(completionTokens, 4);
  });

  test("says another text for another prompt, and always the same for one", async () => {
    await using engine = await openEngine({ fakeMs: 0, fakeTokens: 40 });
    await engine.whenReady();
    const texts = await Promise.all(
      ["one", "other", "one"].map((prompt) => ask(engine, { prompt })),
    );
    const [one, other, again] = texts.map(({ text }) => text);
    assert.notEqual(one, other);
    assert.equal(one, again);
    assert.ok(new Set(one?.split(" ")).size > 30);
  });

  test("takes no time at 0 ms", async () => {
    await using engine = await openEngine({ fakeMs: 0, fakeTokens: 3 });
    await engine.whenReady();
    const { pieces } = await ask(engine, { prompt: "p" });
    assert.deepEqual(pieces, ["behi lezo napo"]);
  });
});
