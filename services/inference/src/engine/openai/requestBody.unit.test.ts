import assert from "node:assert/strict";
import { test } from "vitest";
import { chatBody, completionBody, dialectOf } from "./requestBody.ts";

const params = { max_tokens: 9, temperature: 0.5, top_p: 0.8 };
const all = {
  ...params,
  seed: 7,
  top_k: 5,
  min_p: 0.1,
  repeat_penalty: 1.2,
  ignore_eos: true,
  presence_penalty: 1,
  frequency_penalty: -1,
  stop: ["a", "b"],
  logit_bias: { "12": -100 },
};
const plain = dialectOf("library");
const vllm = dialectOf("vllm");

test("a plain request is nothing but OpenAI's own options", () => {
  assert.deepEqual(chatBody({ prompt: "p", params }, "m", plain), {
    model: "m",
    messages: [{ role: "user", content: "p" }],
    ...params,
    presence_penalty: 0,
    frequency_penalty: 0,
    stream: true,
    stream_options: { include_usage: true },
  });
});

test("every option is sent", () => {
  const { repeat_penalty, ...rest } = all;
  for (const dialect of [plain, vllm]) {
    const { stream_options, ...body } = completionBody(
      { prompt: "p", raw: true, params: all },
      "m",
      dialect,
    );
    assert.deepEqual(body, {
      model: "m",
      prompt: "p",
      stream: true,
      ...rest,
      repeat_penalty,
      repetition_penalty: repeat_penalty,
    });
    assert.ok(stream_options.include_usage);
  }
});

test("an upstream with defaults of its own is told ours", () => {
  for (const ownedBy of ["vllm", "llamacpp"]) {
    const dialect = dialectOf(ownedBy);
    const body = chatBody({ prompt: "p", params }, "m", dialect);
    assert.partialDeepStrictEqual(body, {
      top_k: -1,
      min_p: 0,
      repeat_penalty: 1,
      repetition_penalty: 1,
    });
  }
});

test("a raw text that was begun is part of the prompt, and of max_tokens", () => {
  const continueFrom = { text: " begun", tokens: 4 };
  const request = { prompt: "It is", raw: true, params, continueFrom };
  const body = completionBody(request, "m", plain);
  assert.equal(body.prompt, "It is begun");
  assert.equal(body.max_tokens, 5);
});

test("a schema has a name", () => {
  const schema = { type: "object" as const };
  const format = (response_format: object) =>
    chatBody(
      { prompt: "p", params: { ...params, response_format } as typeof params },
      "m",
      plain,
    ) as { response_format?: unknown };
  assert.deepEqual(
    format({ type: "json_schema", json_schema: { schema } }).response_format,
    { type: "json_schema", json_schema: { name: "answer", schema } },
  );
  const json = { type: "json_object" };
  assert.deepEqual(format(json).response_format, json);
  assert.equal(format({ type: "text" }).response_format, undefined);
});
