import type { GenerateParams } from "@jetscribe/schema";
import assert from "node:assert/strict";
import { test } from "vitest";
import { EngineError } from "./engine.ts";
import { checkForm } from "./checkForm.ts";

const params = (
  response_format?: GenerateParams["response_format"],
): GenerateParams => ({
  max_tokens: 1,
  temperature: 0,
  top_p: 1,
  ...(response_format && { response_format }),
});
const schema = {
  type: "object",
  properties: {
    age: { type: "integer" },
    born: { type: "string", format: "date" },
  },
  required: ["age"],
};
const ofSchema = params({ type: "json_schema", json_schema: { schema } });

test("an answer of the form passes, and a free one whatever it is", () => {
  checkForm("anything", params());
  checkForm("anything", params({ type: "text" }));
  checkForm('{"a":1}', params({ type: "json_object" }));
  checkForm('{"age":7,"born":"2020-02-29"}', ofSchema);
});

test("an answer that a stop text may have cut is taken as it is", () => {
  const stop = ["}"];
  checkForm('{"age":7', { ...ofSchema, stop });
  checkForm('{"a":1', { ...params({ type: "json_object" }), stop });
  assert.throws(() => checkForm('{"age":7', { ...ofSchema, stop: [] }));
});

for (const [text, format] of [
  ["secret", params({ type: "json_object" })],
  ['["secret"]', params({ type: "json_object" })],
  ['{"age":"secret"}', ofSchema],
  ['{"age":1.5}', ofSchema],
  ['{"born":"2020-02-01"}', ofSchema],
  ['{"age":1,"born":"secret"}', ofSchema],
  ['{"age":1', ofSchema],
] as const)
  test(`${text} is refused, and the message has nothing of it`, () => {
    assert.throws(
      () => checkForm(text, format),
      (error) =>
        error instanceof EngineError &&
        error.type === "RuntimeError" &&
        !error.message.includes("secret"),
    );
  });
