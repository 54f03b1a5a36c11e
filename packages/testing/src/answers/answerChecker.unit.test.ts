import assert from "node:assert/strict";
import { describe, test } from "vitest";
import {
  makeAnswerChecker,
  type ApiAnswer,
  type ApiDocument,
} from "./answerChecker.ts";

const problem = {
  content: {
    "application/problem+json": {
      schema: { $ref: "#/components/schemas/Problem" },
    },
  },
};
const ok: ApiAnswer = {
  content: {
    "application/json": {
      schema: {
        type: "object",
        properties: { id: { type: "string", format: "uuid" } },
        required: ["id"],
        additionalProperties: false,
      },
    },
  },
};
const openaiError: ApiAnswer = {
  content: {
    "application/json": {
      schema: { type: "object", required: ["error"] },
    },
  },
};
const document: ApiDocument = {
  servers: [{ url: "/llm" }],
  paths: {
    "/result/{id}": {
      get: {
        operationId: "get",
        responses: { 200: ok, 204: {}, 401: problem, default: problem },
      },
    },
    "/v1/models": {
      get: { operationId: "models", responses: { default: openaiError } },
    },
    "/result/all": {
      get: { operationId: "all", responses: { 202: ok } },
    },
  },
  components: {
    schemas: {
      Problem: {
        type: "object",
        properties: { type: { enum: ["about:blank"] } },
        required: ["type"],
      },
    },
  },
};
const check = makeAnswerChecker(document);

const json = { "content-type": "application/json; charset=utf-8" };
const refused = { "content-type": "application/problem+json" };
const id = "01a223a2-500a-7000-b91f-8c3d85cca0f1";

/** What is wrong with an answer to `GET /result/1`, or to another call. */
const wrong = (
  status: number,
  headers: Record<string, string>,
  body: unknown,
  path = "/result/1",
  method = "GET",
) =>
  check({
    ...{ method, path, status, headers },
    body:
      body === undefined
        ? undefined
        : Buffer.from(typeof body === "string" ? body : JSON.stringify(body)),
  });

describe("an answer", () => {
  test("is right as it is documented, at any spelling of its path", () => {
    for (const path of ["/result/1", "/llm/result/1?a=b", "//result//1/"])
      assert.deepEqual(wrong(200, json, { id }, path), []);
    assert.deepEqual(wrong(204, {}, ""), []);
    assert.deepEqual(wrong(202, json, { id }, "/result/all"), []);
    assert.deepEqual(wrong(200, json, "", "/result/1", "HEAD"), []);
    const blank = { type: "about:blank" };
    assert.deepEqual(wrong(431, refused, blank), []);
    assert.deepEqual(wrong(404, refused, blank, "/nowhere"), []);
    assert.deepEqual(wrong(200, { "content-type": "text/html" }, "x", "/docs"), []); // prettier-ignore
  });

  test("of a path or a method that OpenAI's API does not have has that API's form", () => {
    for (const [path, method] of [
      ["/v1/nowhere", "POST"],
      ["/llm/v1", "GET"],
      ["/v1/models", "PUT"],
    ] as const) {
      assert.deepEqual(wrong(404, json, { error: {} }, path, method), []);
      assert.notDeepEqual(wrong(404, json, {}, path, method), []);
      const blank = { type: "about:blank" };
      assert.notDeepEqual(wrong(404, refused, blank, path, method), []);
    }
    assert.notDeepEqual(wrong(404, json, { error: {} }, "/v12"), []);
  });

  test("has a status that is documented", () => {
    assert.match(String(wrong(201, json, { id })), /201 is not documented/);
    assert.match(String(wrong(500, refused, {})), /500 is not documented/);
    assert.match(String(wrong(200, json, { id }, "/result/all")), /200 is not/);
  });

  test("has a body of its type and schema, or none", () => {
    assert.match(String(wrong(200, refused, {})), /the type is application/);
    assert.match(String(wrong(200, {}, "")), /the type is none/);
    assert.match(String(wrong(200, json, "{")), /no JSON/);
    assert.match(String(wrong(200, json, {})), /required property "id"/);
    assert.match(String(wrong(200, json, { id, a: 1 })), /a: /);
    assert.match(String(wrong(200, json, { id: "x" })), /format/);
    assert.match(String(wrong(204, {}, "x")), /a body is not documented/);
    const other = { type: "urn:other" };
    assert.notDeepEqual(wrong(431, refused, other), []);
    assert.notDeepEqual(wrong(404, refused, other, "/nowhere"), []);
    assert.notDeepEqual(wrong(404, json, {}, "/nowhere"), []);
  });

  test("of a refusal has the headers that go with its status", () => {
    const blank = { type: "about:blank" };
    assert.match(String(wrong(401, refused, blank)), /www-authenticate/);
    const put = wrong(405, refused, blank, "/result/1", "PUT");
    assert.match(String(put), /a 405 without allow/);
    const allowed = { ...refused, allow: "GET" };
    assert.deepEqual(wrong(405, allowed, blank, "/result/1", "PUT"), []);
  });
});
