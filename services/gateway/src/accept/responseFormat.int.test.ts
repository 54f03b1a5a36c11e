/** What a request may hold its answer to: taken or refused when it comes in, on real servers. */
import { connectBroker } from "@jetscribe/event-log/broker/connection";
import { streamState } from "@jetscribe/event-log/broker/streamState";
import { streams } from "@jetscribe/schema";
import { startStack, type Stack } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "vitest";

describe("response_format", () => {
  let stack: Stack;
  beforeAll(async () => {
    stack = await startStack({
      env: { ENGINE: "fake", FAKE_MS: "1", API_KEYS: "a:key-of-a" },
    });
  });
  afterAll(() => stack.stop());

  /** `schema` as JSON: some can't be written in JavaScript. */
  async function post(schema: string) {
    const format = `{"type":"json_schema","json_schema":{"name":"x","schema":${schema}}}`;
    const response = await fetch(`${stack.url}/generate`, {
      method: "POST",
      headers: { "x-api-key": "key-of-a", "content-type": "application/json" },
      body: `{"prompt":"x","response_format":${format}}`,
    });
    const body = (await response.json()) as {
      errors?: { field: string; message: string }[];
    };
    return { status: response.status, errors: body.errors ?? [] };
  }

  const repeated = (depth: number) =>
    `${'{"type":"object","properties":{"a":'.repeat(depth)}{"type":"null"}${"}}".repeat(depth)}`;

  for (const [what, schema, place] of [
    [
      "a contradiction",
      '{"type":"string","minLength":5,"maxLength":3}',
      "#/minLength",
    ],
    ["an overlap", '{"oneOf":[{"type":"null"},{"type":"null"}]}', "#/oneOf/1"],
    ["a keyword of no effect", '{"type":"integer","minimum":1}', "#/minimum"],
    ["a type that every object has", '{"type":"constructor"}', "#/type"],
    ["an infinite number", '{"enum":[1e400]}', "#/enum"],
    ["5,000 levels", repeated(5_000), "#"],
    [
      "40,000 levels of a list",
      `{"default":${"[".repeat(40_000)}${"]".repeat(40_000)}}`,
      "#",
    ],
    [
      "too many alternatives",
      JSON.stringify({
        enum: Array.from(
          { length: 900 },
          (_, i) => `${String.fromCodePoint(0x4e00 + i)}${i}`,
        ),
      }),
      "#",
    ],
  ] as const)
    test(`${what} is refused with its place, and nothing is stored`, async () => {
      const { status, errors } = await post(schema);
      assert.equal(status, 400);
      const [{ field, message } = { field: "", message: "" }] = errors;
      assert.ok(message.startsWith(`${place}: `), message);
      assert.match(field, /^response_format\.json_schema\.schema/);
      await using broker = await connectBroker({
        ...{ url: stack.natsUrl, name: "test" },
      });
      assert.equal((await streamState(broker, streams.events)).lastSeq, 0);
    });

  test("what can be held is accepted", async () => {
    for (const schema of [
      '{"type":"string","maxLength":1500}',
      '{"anyOf":[{"type":"string"},{"type":"null"}],"default":null}',
      '{"type":"object","properties":{"constructor":{"type":"null"}}}',
      '{"enum":["x\\u0000y","\\ud800"]}',
    ])
      assert.equal((await post(schema)).status, 202);
  });
});
