import { getLlama } from "node-llama-cpp";
import assert from "node:assert/strict";
import { test } from "vitest";
import { demoModel } from "../../../test/engineTestKit.ts";
import { makeTextStream } from "./textStream.ts";

test("a text stream gives back every text that the model's tokenizer takes", async () => {
  const llama = await getLlama({ gpu: false, build: "never" });
  try {
    const model = await llama.loadModel({
      modelPath: demoModel,
      vocabOnly: true,
    });
    for (const text of [
      "Plain words, 12 numbers\n\n\tand  spaces .",
      "Größe, déjà vu, 10 °C",
      "привет 你好 👩‍👩‍👧‍👦😀🇫🇷",
    ]) {
      const stream = makeTextStream(
        (...tokens) => model.detokenize(...tokens),
        [],
      );
      const tokens = model.tokenize(text);
      const pieces = tokens.map((token) => stream.push(token));
      assert.equal(pieces.join(""), text);
      assert.ok(pieces.every((piece) => !piece.includes("\uFFFD")));
      assert.equal(stream.end(), "");
    }
  } finally {
    await llama.dispose();
  }
});
