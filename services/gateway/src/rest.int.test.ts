/** The REST interface on real servers, with the fake engine behind it. */
import { startStack, eventually, type Stack } from "@jetscribe/testing";
import { newTaskId } from "@jetscribe/schema";
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { request as httpRequest } from "node:http";
import { afterAll, beforeAll, describe, test } from "vitest";

const hash = createHash("sha256").update("key-of-b").digest("hex");
const bodyLimit = 64 * 1024;

describe("REST", () => {
  let stack: Stack;
  beforeAll(async () => {
    stack = await startStack({
      env: {
        ENGINE: "fake",
        FAKE_MS: "30",
        API_KEYS: `a:key-of-a,b:sha256:${hash}`,
        BODY_LIMIT: String(bodyLimit),
      },
    });
  });
  afterAll(() => stack.stop());

  async function call(
    path: string,
    {
      key = "key-of-a",
      body,
      headers = {},
      method = body === undefined ? "GET" : "POST",
    }: {
      key?: string | undefined;
      /** Sent as it is if it is a text. */
      body?: unknown;
      headers?: Record<string, string>;
      method?: string;
    } = {},
  ) {
    const response = await fetch(stack.url + path, {
      method,
      headers: {
        "x-api-key": key,
        ...(body !== undefined && { "content-type": "application/json" }),
        ...headers,
      },
      ...(body !== undefined && {
        body: typeof body === "string" ? body : JSON.stringify(body),
      }),
    });
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      text,
      get body() {
        return JSON.parse(text) as Record<string, unknown>;
      },
      fields: () =>
        (JSON.parse(text) as { errors?: { field: string }[] }).errors?.map(
          ({ field }) => field,
        ),
    };
  }
  const post = async (body: object = { prompt: "hi" }, key?: string) => {
    const { status, body: answer } = await call("/generate", { body, key });
    assert.equal(status, 202);
    return String(answer["task_id"]);
  };

  test("every violation is told at once, by field", async () => {
    const answer = await call("/generate", {
      body: {
        prompt: "",
        max_tokens: 0,
        temperature: 2.1,
        top_p: 0,
        user_id: "a\nb",
        n: 2,
        stream: true,
      },
    });
    assert.equal(answer.status, 400);
    assert.equal(
      answer.headers.get("content-type"),
      "application/problem+json; charset=utf-8",
    );
    assert.deepEqual(
      new Set(answer.fields()),
      new Set([
        ...["prompt", "max_tokens", "temperature", "top_p", "user_id"],
        ...["n", "stream"],
      ]),
    );
  });

  for (const [field, values] of Object.entries({
    prompt: [undefined, 5, null, ""],
    max_tokens: [0, 32_769, 1.5, "12", -1],
    temperature: [-0.1, 2.01, "hot"],
    top_p: [0, 1.01, -1],
    user_id: ["", "x".repeat(129), "tab\there", "\u202Ereversed", 7],
  }))
    test(`${field} outside of its range is a 400 that names it`, async () => {
      for (const value of values) {
        const body = { prompt: "hi", [field]: value };
        const answer = await call("/generate", { body });
        assert.equal(answer.status, 400, JSON.stringify(value));
        assert.deepEqual(answer.fields(), [field]);
      }
    });

  test("a model that is not there is a 400 that lists the others", async () => {
    const ask = (model: string) =>
      call("/generate", {
        body: { prompt: "hi", model },
        headers: { prefer: "wait=30" },
      });
    // Until the projection has been built it can't be said.
    const refused = await eventually(async () => {
      const answer = await ask("demo2");
      return answer.status !== 503 && answer;
    });
    assert.equal(refused.status, 400);
    assert.deepEqual(refused.body["errors"], [
      {
        field: "model",
        message: "there is no such model; there are: demo",
      },
    ]);
    const { status, body } = await ask("Demo");
    assert.equal(status, 200);
    assert.equal(body["model"], "demo");
  });

  test("the ends of the ranges are taken", async () => {
    for (const body of [
      { prompt: "x", max_tokens: 1, temperature: 0, top_p: 1 },
      { prompt: "x", max_tokens: 32_768, temperature: 2, top_p: 0.001 },
      { prompt: "x", user_id: "ü".repeat(128) },
    ])
      await post(body);
  });

  test("what is no JSON, no object or too large is refused, and nothing is stored", async () => {
    const statuses: [unknown, number][] = [
      ["{", 400],
      ["", 400],
      ["[]", 400],
      ["null", 400],
      ['{"prompt":"x","__proto__":{"a":1}}', 400],
      [{ prompt: "x".repeat(bodyLimit) }, 413],
    ];
    for (const [body, status] of statuses) {
      const answer = await call("/generate", { body });
      assert.equal(answer.status, status, String(body).slice(0, 40));
      assert.equal(answer.body["status"], status);
      assert.equal(answer.body["task_id"], undefined);
    }
    const xml = { "content-type": "application/xml" };
    const other = await call("/generate", { body: "<a/>", headers: xml });
    assert.equal(other.status, 415);
  });

  test("a path that can't be decoded is a 400 as everything else", async () => {
    const port = Number(new URL(stack.url).port);
    const { promise, resolve } = Promise.withResolvers<unknown[]>();
    httpRequest({ port, path: "/result/%ff" }, (response) => {
      response.resume();
      resolve([response.statusCode, response.headers["content-type"]]);
    }).end();
    const [status, type] = await promise;
    assert.equal(status, 400);
    assert.match(String(type), /application\/problem\+json/);
  });

  test("no key and a wrong key get the same answer", async () => {
    const answers = await Promise.all([
      call("/result/x", { key: "" }),
      call("/result/x", { key: "wrong" }),
      call("/generate", { key: "wrong", body: { prompt: "x" } }),
      call("/generate", { key: "wrong", body: "{" }),
      call("/result/x", { key: "", headers: { authorization: "Bearer no" } }),
    ]);
    for (const { status, text, headers } of answers) {
      assert.equal(status, 401);
      assert.equal(text, answers[0].text);
      assert.equal(headers.get("www-authenticate"), "Bearer");
    }
  });

  test("a key may come as a bearer token, and be configured as a hash", async () => {
    const response = await fetch(`${stack.url}/generate`, {
      method: "POST",
      headers: {
        authorization: "Bearer key-of-b",
        "content-type": "application/json",
      },
      body: JSON.stringify({ prompt: "hi" }),
    });
    assert.equal(response.status, 202);
  });

  test("a task of another key is as one that never was", async () => {
    const id = await post();
    await eventually(async () => (await call(`/result/${id}`)).status === 200);
    for (const route of ["result", "status"]) {
      const foreign = await call(`/${route}/${id}`, { key: "key-of-b" });
      const unknown = await call(`/${route}/${newTaskId()}`, {
        key: "key-of-b",
      });
      assert.equal(foreign.status, 404);
      assert.equal(foreign.text, unknown.text);
    }
  });

  test("right after a 202 a task is never a 404, whoever asks how often", async () => {
    for (let round = 0; round < 20; round++) {
      const id = await post();
      const answers = await Promise.all(
        Array.from({ length: 10 }, (_, i) =>
          call(`/${i % 2 ? "result" : "status"}/${id}`),
        ),
      );
      for (const { status } of answers)
        assert.ok([200, 202].includes(status), String(status));
    }
  });

  test("what is no task id is a 404, and wait has to be a number", async () => {
    for (const id of ["x", "123e4567-e89b-42d3-a456-426614174000"])
      assert.equal((await call(`/result/${id}`)).status, 404);
    for (const wait of ["abc", "-1", "301", "1&wait=2"]) {
      const answer = await call(`/result/${newTaskId()}?wait=${wait}`);
      assert.equal(answer.status, 400, wait);
      assert.deepEqual(answer.fields(), ["wait"]);
    }
  });

  test("a thousand clients wait on one gateway, and all are told", async () => {
    const ids = await Promise.all(Array.from({ length: 20 }, () => post()));
    const answers = await Promise.all(
      Array.from({ length: 1_000 }, (_, i) =>
        call(`/result/${ids[i % ids.length]}?wait=60`),
      ),
    );
    for (const { status, body } of answers) {
      assert.equal(status, 200);
      assert.equal(body["status"], "completed");
    }
  });

  test("a wait may be any part of a second", async () => {
    for (const wait of ["0.0001", "0.0015", "1e-3", "0.25", "2.5e0"]) {
      const { status } = await call(`/result/${await post()}?wait=${wait}`);
      assert.ok([200, 202].includes(status), `${wait}: ${status}`);
    }
  });

  test("a wish to wait is kept to, and ends with the task as it is", async () => {
    const slow = { prompt: "x".repeat(10) };
    const answer = await call("/generate", {
      body: slow,
      headers: { prefer: "respond-async, wait=0" },
    });
    assert.equal(answer.status, 202);
    assert.equal(answer.headers.get("preference-applied"), "wait=0");
    const waited = await call("/generate", {
      body: slow,
      headers: { prefer: "wait=30" },
    });
    assert.equal(waited.status, 200);
    assert.equal(waited.body["status"], "completed");
    assert.match(
      String(waited.headers.get("location")),
      /^\/result\/[0-9a-f-]{36}$/,
    );
  });

  test("the interface describes itself, with ranges and defaults", async () => {
    const answer = await fetch(`${stack.url}/openapi.json`);
    const document = (await answer.json()) as {
      paths: Record<
        string,
        Record<
          string,
          {
            requestBody?: {
              content: {
                "application/json": {
                  schema: { properties: Record<string, object> };
                };
              };
            };
          }
        >
      >;
    };
    for (const path of ["/generate", "/result/{task_id}", "/status/{task_id}"])
      assert.ok(document.paths[path], path);
    const { properties } =
      document.paths["/generate"]!["post"]!.requestBody!.content[
        "application/json"
      ].schema;
    assert.deepEqual(
      { ...properties["max_tokens"], description: undefined },
      {
        type: "integer",
        minimum: 1,
        maximum: 32_768,
        default: 512,
        description: undefined,
      },
    );
    const docs = await fetch(`${stack.url}/docs`);
    assert.equal(docs.status, 200);
    assert.match(await docs.text(), /What is the capital of France/);
  });

  test("health names the workers and the engine; the process is alive and ready", async () => {
    const body = await eventually(async () => {
      const { status, body } = await call("/health", { key: "" });
      assert.equal(status, 200);
      return body["status"] === "healthy" && body;
    });
    const { workers, projections, wait_error, ...rest } = body;
    assert.deepEqual(rest, { status: "healthy", nats: true, redis: true });
    const names = (projections as { name: string }[]).map(({ name }) => name);
    assert.deepEqual(names, ["logger", "results"]);
    const [worker] = workers as Record<string, unknown>[];
    assert.equal(worker?.["engine"], "fake");
    assert.equal(worker?.["model_loaded"], true);
    // Of the tasks of the other tests.
    const { median, p90, tasks } = wait_error as Record<string, number>;
    assert.ok(tasks && median !== undefined && p90 !== undefined);
    assert.ok(median <= p90);
    for (const path of ["/livez", "/readyz"])
      assert.equal((await call(path, { key: "" })).status, 200);
  });
});
