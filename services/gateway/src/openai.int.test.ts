/** OpenAI's API of real systems, with the demo model and with a slow fake one, through OpenAI's own client. */
import type { OutcomeResponse, StatusResponse } from "@jetscribe/schema";
import {
  connectBroker,
  subscribe,
} from "@jetscribe/event-log/broker/connection";
import { subscribed } from "@jetscribe/event-log/signals/signals";
import { eventually, startStack, type Stack } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { zodResponseFormat } from "openai/helpers/zod";
import OpenAI, { APIError } from "openai";
import { afterAll, beforeAll, describe, test } from "vitest";
import * as z from "zod";

const model = "demo";
const question = "What is the capital of France?";
const messages = [{ role: "user" as const, content: question }];
const plain = { model, messages, max_tokens: 16, temperature: 0 };
/** Written to its last token; by the slow engine in minutes. */
const endless = {
  ...{ model, prompt: "Once upon a time", max_tokens: 2_000 },
  ignore_eos: true,
};

const limit = 16;
const key = "key-of-a";

let stack: Stack;
let client: OpenAI;

/** A stack of its own for the tests around. */
function useStack(env: Record<string, string> = {}): void {
  beforeAll(async () => {
    stack = await startStack({
      env: {
        MODEL_NAME: model,
        MAX_TASKS_PER_KEY: String(limit),
        API_KEYS: `a:${key},b:key-of-b`,
        ...env,
      },
    });
    client = clientOf();
  });
  afterAll(() => stack?.stop());
}

const clientOf = (options: object = {}) =>
  new OpenAI({
    baseURL: `${stack.url}/v1`,
    apiKey: key,
    maxRetries: 0,
    ...options,
  });

async function get(path: string, method = "GET") {
  const headers = { "x-api-key": key };
  return await fetch(stack.url + path, { method, headers });
}
const result = async (id: string) =>
  (await (
    await get(`/result/${id.replace(/^[a-z]+-/, "")}?wait=30`)
  ).json()) as OutcomeResponse;
async function post(path: string, body: object, headers: object = {}) {
  return await fetch(stack.url + path, {
    method: "POST",
    headers: {
      "x-api-key": key,
      "content-type": "application/json",
      ...headers,
    },
    body: JSON.stringify(body),
  });
}
/** The outcome of the same request, sent to `POST /generate`. */
async function generated(body: object): Promise<OutcomeResponse> {
  const answer = await post("/generate", body, { prefer: "wait=30" });
  assert.equal(answer.status, 200);
  return (await answer.json()) as OutcomeResponse;
}
async function refused(call: Promise<unknown>): Promise<APIError> {
  const error: unknown = await call.then(
    () => assert.fail("it was not refused"),
    (error: unknown) => error,
  );
  assert.ok(error instanceof APIError, String(error));
  return error;
}

/** The tasks from now on, as they are started. */
async function hearStarts() {
  const broker = await connectBroker({ url: stack.natsUrl, name: "test" });
  const heard: { id: string; word: string }[] = [];
  subscribe(broker, "llm.stored.>", ({ subject, headers }) => {
    const [, , word = ""] = subject.split(".");
    heard.push({ id: headers?.get("ce-subject") ?? "", word });
  });
  await subscribed(broker);
  const take = (wanted: string) => {
    const at = heard.findIndex(({ word }) => word === wanted);
    return at < 0 ? undefined : heard.splice(at, 1)[0]?.id;
  };
  return {
    next: (word = "started") => eventually(() => take(word)),
    /** Those that were not asked for. */
    rest: () => heard.filter(({ word }) => word === "started"),
    [Symbol.asyncDispose]: () => broker[Symbol.asyncDispose](),
  };
}

describe("OpenAI's API", () => {
  useStack();

  test("the models can be listed and looked up", async () => {
    const listed = await Array.fromAsync(await client.models.list());
    assert.deepEqual(
      listed.map(({ id, object, owned_by }) => ({ id, object, owned_by })),
      [{ id: model, object: "model", owned_by: "jetscribe" }],
    );
    assert.deepEqual(await client.models.retrieve(model), listed[0]);
    // Until it has heard all workers, a gateway does not say that a model does not exist.
    const { status, code } = await eventually(async () => {
      const error = await refused(client.models.retrieve("no/such"));
      return error.status !== 503 && error;
    });
    assert.deepEqual([status, code], [404, "model_not_found"]);
  });

  test("a chat gets the text of a task, which is one like any other", async () => {
    const chat = await client.chat.completions.create({
      ...plain,
      user: "ada",
      metadata: { order: "A-17" },
    });
    const [choice] = chat.choices;
    assert.equal(choice?.message.content, "The capital of France is Paris.");
    assert.equal(choice.finish_reason, "stop");
    assert.equal(chat.model, model);
    assert.ok(Math.abs(chat.created - Date.now() / 1_000) < 60);

    const status = await (await get(`/status/${chat._request_id}`)).json();
    const { metadata } = status as StatusResponse;
    assert.deepEqual(metadata, { order: "A-17" }, JSON.stringify(status));
    const task = await result(chat.id);
    assert.equal(chat._request_id, task.task_id);
    assert.ok(task.status === "completed");
    assert.equal(task.result, choice.message.content);
    const { prompt_tokens, completion_tokens } = task.metrics;
    assert.deepEqual(chat.usage, {
      prompt_tokens,
      completion_tokens,
      total_tokens: prompt_tokens + completion_tokens,
      prompt_tokens_details: { cached_tokens: task.cached_tokens },
    });
    const same = await generated({
      ...{ prompt: question, max_tokens: 16, temperature: 0 },
    });
    assert.ok(same.status === "completed");
    assert.equal(same.result, choice.message.content);
  });

  test("what is asked for is what the task is made with", async () => {
    const settings = {
      ...{ temperature: 1.2, top_p: 0.8, seed: 7, presence_penalty: 0.5 },
      ...{ frequency_penalty: -0.5, stop: ["."], logit_bias: { "5": -100 } },
    };
    const chat = await client.chat.completions.create({
      ...{ ...settings, model, messages },
      max_completion_tokens: 5,
    });
    const task = await result(chat.id);
    assert.ok(task.status === "completed");
    const { params } = task;
    assert.deepEqual(
      { ...params, ...settings, max_tokens: 5 },
      params,
      JSON.stringify(params),
    );
    const same = await generated({ ...settings, messages, max_tokens: 5 });
    assert.ok(same.status === "completed");
    assert.equal(chat.choices[0]?.message.content, same.result);
  });

  test("a chat that is streamed has the same text, its reason and its usage", async () => {
    const whole = await client.chat.completions.create(plain);
    const chunks = await Array.fromAsync(
      await client.chat.completions.create({
        ...{ ...plain, stream: true },
        stream_options: { include_usage: true },
      }),
    );
    const [first] = chunks;
    assert.deepEqual(first?.choices[0]?.delta, {
      ...{ role: "assistant", content: "" },
    });
    const text = chunks.map(({ choices }) => choices[0]?.delta.content ?? "");
    assert.equal(text.join(""), whole.choices[0]?.message.content);
    const reasons = chunks.flatMap(
      ({ choices }) => choices[0]?.finish_reason ?? [],
    );
    assert.deepEqual(reasons, ["stop"]);
    const usages = chunks.map(({ usage }) => usage);
    const last = usages.pop();
    assert.deepEqual([...new Set(usages)], [null]);
    assert.equal(last?.total_tokens, whole.usage?.total_tokens);
    assert.deepEqual(chunks.at(-1)?.choices, []);
    assert.equal(new Set(chunks.map(({ id }) => id)).size, 1);
  });

  test("a stream's events are what OpenAI's are, to the byte", async () => {
    const answer = await post("/v1/chat/completions", {
      ...{ ...plain, max_tokens: 1, stream: true },
    });
    assert.equal(
      answer.headers.get("content-type"),
      "text/event-stream; charset=utf-8",
    );
    const text = await answer.text();
    const events = text.split("\n\n");
    assert.deepEqual(events.splice(-2), ["data: [DONE]", ""]);
    const chunks = events.map((event) => {
      assert.match(event, /^data: \{.*\}$/);
      return JSON.parse(event.slice(6)) as OpenAI.ChatCompletionChunk;
    });
    assert.ok(chunks.every((chunk) => !("usage" in chunk)));
    assert.equal(chunks.at(-1)?.choices[0]?.finish_reason, "length");
    assert.deepEqual(chunks.at(-1)?.choices[0]?.delta, {});
  });

  test("a text is continued, whole and streamed", async () => {
    // The engine chooses its threads anew for each text, and a context over 256 tokens has other last digits on two.
    const asked = { ...endless, prompt: "Once", max_tokens: 200, seed: 3 };
    const whole = await client.completions.create(asked);
    const [choice] = whole.choices;
    assert.match(whole.id, /^cmpl-/);
    assert.equal(choice?.finish_reason, "length");
    const stream = await client.completions.create({ ...asked, stream: true });
    const chunks = await Array.fromAsync(stream);
    const text = chunks.map(({ choices }) => choices[0]?.text).join("");
    assert.equal(text, choice.text);
    const same = await generated({ ...asked, raw: true });
    assert.ok(same.status === "completed");
    assert.equal(same.result, text);
  });

  test("an answer is held to a schema", async () => {
    const Answer = z.object({
      city: z.enum(["Paris", "Rome"]),
      sure: z.boolean(),
    });
    const chat = await client.chat.completions.parse({
      ...{ ...plain, max_tokens: 64 },
      response_format: zodResponseFormat(Answer, "answer"),
    });
    const { parsed } = chat.choices[0]!.message;
    assert.ok(parsed && ["Paris", "Rome"].includes(parsed.city));
  });

  test("a conversation goes on with the message that came, and with null for absent fields", async () => {
    const first = await client.chat.completions.create(plain);
    const { message } = first.choices[0]!;
    const chat = await client.chat.completions.create({
      ...{ ...plain, stop: null, tools: [], logprobs: null, store: false },
      messages: [
        { role: "developer", content: [{ type: "text", text: "Be brief." }] },
        ...messages,
        message,
        { role: "user", content: "And of Italy?" },
      ],
    });
    assert.equal(typeof chat.choices[0]?.message.content, "string");
  });

  test("what no worker could keep to is refused by its name", async () => {
    const fields = {
      ...{ n: 2, logprobs: true, top_logprobs: 3, reasoning_effort: "low" },
      tools: [{ type: "function", function: { name: "f" } }],
      ...{ audio: {}, modalities: ["text", "audio"], colour: "red" },
      ...{ tool_choice: "required", functions: [{ name: "f" }] },
    };
    for (const [field, value] of Object.entries(fields)) {
      const body = { ...plain, [field]: value };
      const error = await refused(client.chat.completions.create(body));
      assert.equal(error.status, 400, field);
      assert.equal(error.type, "invalid_request_error");
      assert.equal(error.code, "invalid_request");
      assert.equal(error.param?.split(".")[0], field);
      assert.match(error.message, new RegExp(`${field}.*: `));
    }
    for (const [field, value] of [
      ...[
        ["echo", true],
        ["suffix", "x"],
        ["logprobs", 1],
        ["best_of", 2],
      ],
      ...[
        ["prompt", ["a", "b"]],
        ["n", 2],
      ],
    ] as [string, unknown][]) {
      const body = { model, prompt: "a", [field]: value };
      const error = await refused(client.completions.create(body));
      assert.equal(error.param, field);
    }
  });

  test("refusals have OpenAI's form, whatever refuses", async () => {
    const errors = await Promise.all(
      [
        clientOf({ apiKey: "wrong" }).models.list(),
        client.chat.completions.create({ ...plain, model: "gpt" }),
        client.embeddings.create({ model, input: "x" }),
        client.get("/chat/completions"),
      ].map(refused),
    );
    assert.deepEqual(
      errors.map(({ status, code, param }) => [status, code, param]),
      [
        [401, "invalid_api_key", null],
        [404, "model_not_found", "model"],
        [404, "not_found", null],
        [405, "method_not_allowed", null],
      ],
    );
    assert.match(errors[1]!.message, /there are: demo/);
    for (const { type } of errors) assert.equal(type, "invalid_request_error");
    const broken = await fetch(`${stack.url}/v1/completions`, {
      method: "POST",
      headers: { "x-api-key": key, "content-type": "application/json" },
      body: "{",
    });
    assert.equal(broken.status, 400);
    assert.deepEqual(Object.keys((await broken.json()) as object), ["error"]);
    assert.equal(
      (await get("/nope")).headers.get("content-type"),
      "application/problem+json; charset=utf-8",
    );
  });

  test("a prompt that does not fit is a 400, streamed or not, and is not sent again", async () => {
    let calls = 0;
    const counting = clientOf({
      maxRetries: 2,
      fetch: (...args: Parameters<typeof fetch>) => {
        calls++;
        return fetch(...args);
      },
    });
    for (const stream of [false, true]) {
      const { status, code, message } = await refused(
        counting.chat.completions.create({
          ...{ ...plain, stream, max_tokens: 32_768 },
        }),
      );
      assert.deepEqual([status, code], [400, "invalid_prompt"]);
      assert.match(message, /the context holds/);
    }
    assert.equal(calls, 2);
  });

  test("what a key has left of its limits is told as OpenAI tells it", async () => {
    const made = await post("/admin/keys", {
      name: "limited",
      limits: { requests_per_minute: 3, tokens_per_day: 3_700 },
    });
    const { key: apiKey } = (await made.json()) as { key: string };
    const other = clientOf({ apiKey });
    const told = (headers: Headers | undefined) => {
      assert.ok(headers);
      const all = [...headers].filter(([name]) => name.startsWith("x-ratelimit")); // prettier-ignore
      return Object.fromEntries(
        all.map(([name, value]) => [name.slice("x-ratelimit-".length), value]),
      );
    };
    const listed = await other.models.list().withResponse();
    const { "reset-requests": reset, ...calls } = told(listed.response.headers);
    assert.match(reset ?? "", /^(1m0s|\d\ds)$/);
    assert.deepEqual(calls, {
      ...{ "limit-requests": "3", "remaining-requests": "2" },
    });
    for (const [stream, remaining] of [
      [false, "1"],
      [true, "0"],
    ] as const) {
      const asked = other.chat.completions.create({ ...plain, stream });
      const { response } = await asked.withResponse();
      const left = told(response.headers);
      assert.equal(left["remaining-requests"], remaining);
      assert.equal(left["limit-tokens"], "3700");
      // Of the first call its prompt and its 16 tokens are reserved.
      const tokens = Number(left["remaining-tokens"]);
      assert.ok(tokens < 3_700 - 16 && tokens > 3_600, String(tokens));
      assert.match(left["reset-tokens"] ?? "", /^(\d+h)?(\d+m)?\d+s$/);
    }
    const error = await refused(other.models.list());
    assert.equal(told(error.headers)["remaining-requests"], "0");
    const unlimited = told((await get("/v1/models")).headers);
    assert.deepEqual(unlimited, {}, "a key without limits");
  });
});

describe("OpenAI's API, while a text is written", () => {
  // A token takes 100 ms.
  useStack({ ENGINE: "fake", FAKE_MS: "60000", FAKE_TOKENS: "600" });

  test("hanging up cancels the task", async () => {
    await using heard = await hearStarts();
    const calling = new AbortController();
    const { signal } = calling;
    const answering = client.completions.create(endless, { signal });
    const id = await heard.next();
    calling.abort();
    await assert.rejects(answering);
    assert.equal((await result(id)).status, "cancelled");
  });

  test("a stream's text comes while it is written; leaving the stream cancels the task", async () => {
    const stream = await client.completions.create({
      ...endless,
      stream: true,
    });
    let id = "";
    let text = "";
    for await (const chunk of stream) {
      id = chunk.id;
      text += chunk.choices[0]?.text;
      if (text !== "") break;
    }
    const outcome = await result(id);
    assert.ok(outcome.status === "cancelled");
    assert.ok(outcome.partial_text?.startsWith(text));
  });

  test("who has an Idempotency-Key comes back for the answer, and may stream it then", async () => {
    await using heard = await hearStarts();
    const headers = { "idempotency-key": randomUUID() };
    const asked = { ...endless, max_tokens: 100, seed: 1 };
    const calling = new AbortController();
    const { signal } = calling;
    const first = client.completions.create(asked, { signal, headers });
    const id = await heard.next();
    calling.abort();
    await assert.rejects(first);
    const { data, response } = await client.completions
      .create({ ...asked, stream: true }, { headers })
      .withResponse();
    assert.equal(response.headers.get("idempotency-replayed"), "true");
    const chunks = await Array.fromAsync(data);
    const whole = await client.completions.create(asked, { headers });
    assert.equal(whole.id, `cmpl-${id}`);
    assert.equal(chunks[0]?.id, whole.id);
    const text = chunks.map(({ choices }) => choices[0]?.text ?? "").join("");
    assert.equal(text, whole.choices[0]?.text);
    const other = { ...asked, max_tokens: 1 };
    const reused = await refused(client.completions.create(other, { headers }));
    assert.deepEqual(
      [reused.status, reused.code],
      [422, "idempotency_key_reused"],
    );
  });

  test("a task that somebody else cancels is an error, in the stream too, and no reason to ask again", async () => {
    for (const stream of [false, true]) {
      await using heard = await hearStarts();
      const answering = client.completions
        .create({ ...endless, stream }, { maxRetries: 2 })
        .then((answer) => Array.fromAsync(answer as AsyncIterable<unknown>));
      const error = refused(answering);
      const id = await heard.next();
      assert.equal((await post(`/cancel/${id}`, {})).status, 200);
      const { status, code } = await error;
      assert.equal(code, "cancelled");
      if (!stream) assert.equal(status, 409);
      assert.deepEqual(heard.rest(), []);
    }
  });

  test("a limit is a 429 with Retry-After", async () => {
    const calling = new AbortController();
    const { signal } = calling;
    await using heard = await hearStarts();
    const other = clientOf({ apiKey: "key-of-b" });
    const waiting = Array.from({ length: limit }, () =>
      other.completions.create(endless, { signal }).catch(() => undefined),
    );
    for (let tasks = 0; tasks < limit; tasks++) await heard.next("requested");
    const error = await refused(other.chat.completions.create(plain));
    calling.abort();
    await Promise.all(waiting);
    assert.deepEqual(
      [error.status, error.type, error.code],
      [429, "rate_limit_error", "rate_limit_exceeded"],
    );
    assert.match(error.headers?.get("retry-after") ?? "", /^\d+$/);
  });

  test("the calls of a key end when it is revoked; their tasks go on", async () => {
    const made = await post("/admin/keys", { name: "passing" });
    const { id: keyId, key: passing } = (await made.json()) as {
      id: string;
      key: string;
    };
    const other = clientOf({ apiKey: passing });
    await using heard = await hearStarts();
    const asked = { ...endless, max_tokens: 100 };
    const whole = refused(other.completions.create(asked));
    const stream = other.completions.create({ ...asked, stream: true });
    const streamed = refused(stream.then((all) => Array.fromAsync(all)));
    await heard.next();
    await heard.next();
    const revoked = await get(`/admin/keys/${keyId}`, "DELETE");
    assert.equal(revoked.status, 200);
    for (const { code } of await Promise.all([whole, streamed]))
      assert.equal(code, "invalid_api_key");
    await heard.next("completed");
    await heard.next("completed");
  });

  test("a gateway that stops ends its calls, and cancels their tasks", async () => {
    await using heard = await hearStarts();
    const whole = refused(client.completions.create(endless));
    const stream = client.completions.create({ ...endless, stream: true });
    const streamed = refused(stream.then((all) => Array.fromAsync(all)));
    const ids = [await heard.next(), await heard.next()];
    await stack.kill("gateway", "SIGTERM");
    const errors = await Promise.all([whole, streamed]);
    assert.deepEqual(
      errors.map(({ code }) => code),
      ["unavailable", "unavailable"],
    );
    assert.equal(errors[0].status, 503);
    await stack.restart("gateway");
    await stack.healthy();
    for (const id of ids) assert.equal((await result(id)).status, "cancelled");
  });
});
