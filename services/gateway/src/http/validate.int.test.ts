/** How a value that is wrong is told. */
import { GenerateRequest } from "@jetscribe/schema";
import fc from "fast-check";
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "vitest";
import {
  json,
  problemOf,
  send,
  startApp,
  type Started,
} from "../../test/appTestKit.ts";

describe("a value that is wrong", () => {
  let app: Started;
  beforeAll(async () => {
    app = await startApp();
  });
  afterAll(() => app.stop());
  const post = (body: string | Buffer, headers: object = json) =>
    send(app, "POST", "/generate", { body, headers });

  test("a value of a wrong type is told so, by the type that is right", async () => {
    const cases: [unknown, string, RegExp][] = [
      [
        { prompt: "a", max_tokens: "5" },
        "max_tokens",
        /expected number, received string/,
      ],
      [
        { prompt: "a", temperature: [] },
        "temperature",
        /expected number, received array/,
      ],
      [{ prompt: { a: 1 } }, "prompt", /expected string, received object/],
      [{ prompt: "a", raw: 1 }, "raw", /expected boolean, received number/],
      [{ prompt: "a", stop: 5 }, "stop", /expected string or array/],
      [
        { prompt: "a", stop: ["a", 5] },
        "stop.1",
        /expected string, received number/,
      ],
      [
        { prompt: "a", stop: [null] },
        "stop.0",
        /expected string, received null/,
      ],
      [{ messages: "a" }, "messages", /expected array, received string/],
      [{ messages: [5] }, "messages.0", /expected object, received number/],
      [
        { messages: [{ role: "user", content: 5 }] },
        "messages.0.content",
        /expected string or array/,
      ],
      [
        { messages: [{ role: "user", content: null }] },
        "messages.0.content",
        /expected string or array/,
      ],
      [
        { messages: [{ role: "user", content: ["a"] }] },
        "messages.0.content.0",
        /expected object, received string/,
      ],
      [{ messages: [{ role: "user" }] }, "messages.0.content", /is missing/],
      [
        { prompt: "a", response_format: "json" },
        "response_format",
        /expected object, received string/,
      ],
      [
        { prompt: "a", response_format: { type: "xml" } },
        "response_format.type",
        /'json_object'/,
      ],
      [{ prompt: "a", lane: 5 }, "lane", /"interactive"\|"batch"/],
      [[], "body", /expected object, received array/],
      ["a", "body", /expected object, received string/],
      [null, "body", /expected object, received null/],
    ];
    for (const [body, field, says] of cases) {
      const answer = await post(JSON.stringify(body));
      assert.equal(answer.status, 400, JSON.stringify(body));
      const errors = problemOf(answer)["errors"] as {
        field: string;
        message: string;
      }[];
      const told = errors.find((error) => error.field === field);
      assert.match(told?.message ?? `none of ${answer.body}`, says);
    }
  });

  test("no value that is there is called missing, whatever it is", async () => {
    const field = fc.constantFrom(...Object.keys(GenerateRequest.out.shape));
    await fc.assert(
      fc.asyncProperty(field, fc.jsonValue(), async (name, value) => {
        const answer = await post(JSON.stringify({ [name]: value }));
        if (answer.status === 202) return;
        assert.equal(answer.status, 400);
        const errors = problemOf(answer)["errors"] as {
          field: string;
          message: string;
        }[];
        const told = errors.find((error) => error.field === name);
        if (value !== null) assert.notEqual(told?.message, "is missing");
      }),
      { numRuns: 200 },
    );
  });
});
