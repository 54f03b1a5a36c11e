import assert from "node:assert/strict";
import { test } from "vitest";
import { differenceOf } from "./draftModel.ts";

const normal = 1;
const control = 3;
const unused = 5;

const model = {
  model: "gpt2",
  tokens: ["<s>", "</s>", "a", "b"],
  token_type: [control, control, normal, normal],
  ...{ bos_token_id: 0, eos_token_id: 1 },
};
const padded = {
  ...model,
  tokens: [...model.tokens, "[PAD4]", "[PAD5]"],
  token_type: [...model.token_type, unused, unused],
};

test("the same tokens are no difference, and neither are unused ones at the end", () => {
  assert.equal(differenceOf(model, model), undefined);
  assert.equal(differenceOf(padded, model), undefined);
  assert.equal(differenceOf(model, padded), undefined);
});

test("the first difference is told, with what both have", () => {
  const cases: [draft: Partial<typeof model>, told: string][] = [
    [{ model: "llama" }, `its tokenizer is "llama", and the model's is "gpt2"`],
    [
      { tokens: [...model.tokens, "c"], token_type: [3, 3, 1, 1, 1] },
      "it has 5 tokens, and the model has 4",
    ],
    [
      { tokens: model.tokens.slice(0, 3) },
      "it has 3 tokens, and the model has 4",
    ],
    [
      { tokens: ["<s>", "</s>", "a", "c"] },
      `its token 3 is "c", and the model's is "b"`,
    ],
    [
      { bos_token_id: 2 },
      "its beginning-of-text token is 2, and the model's is 0",
    ],
    [{ eos_token_id: 0 }, "its end-of-text token is 0, and the model's is 1"],
  ];
  for (const [change, told] of cases)
    assert.equal(differenceOf({ ...model, ...change }, model), told);
  const { eos_token_id: _, ...endless } = model;
  assert.equal(
    differenceOf(endless, model),
    "its end-of-text token is none, and the model's is 1",
  );
});
