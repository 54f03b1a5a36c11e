/** The AsyncAPI document: by the official parser, by the code that it comes from, and by what a broker has. */
import { Validator, type Schema } from "@cfworker/json-schema";
import committed from "@jetscribe/schema/asyncapi.json" with { type: "json" };
import { apiCalls, kinds, messageId, type ApiCall } from "@jetscribe/schema";
import { connectBroker } from "@jetscribe/event-log/broker/connection";
import { brokerOf } from "@jetscribe/runtime";
import { startStack } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { join } from "node:path";
import { describe, test } from "vitest";
import { bringPackages } from "../../scripts/install/bringPackages.mjs";
import { asyncApi } from "./asyncApi.ts";

interface Parsed {
  diagnostics: { code: string; message: string; path: string[] }[];
  document?: { version(): string; messages(): { all(): unknown[] } };
}
interface ParserModule {
  Parser: new () => { parse(text: string): Promise<Parsed> };
}

/** Of the call that makes the task. */
const origin = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

describe("the AsyncAPI document", () => {
  test("is what the schemas, the subjects and the codec give", () => {
    assert.deepEqual(committed, asyncApi(), "run `npm run events:snapshot`");
  });

  test("is valid by the official parser, without a warning", async () => {
    const folder = await bringPackages(join(import.meta.dirname, "parser"), "asyncapi-parser"); // prettier-ignore
    const load = createRequire(join(folder, "package.json"));
    const { Parser } = load("@asyncapi/parser") as ParserModule;
    const parser = new Parser();
    const parse = async (document: object) => {
      const parsed = await parser.parse(JSON.stringify(document));
      const found = parsed.diagnostics.map(
        ({ code, message, path }) => `${code}: ${message} (${path.join(".")})`,
      );
      return { ...parsed, found };
    };
    const { found, document } = await parse(committed);
    assert.deepEqual(found, []);
    assert.equal(document?.version(), "3.1.0");
    assert.equal(
      new Set(document.messages().all()).size,
      2 * Object.keys(kinds).length + 2 * apiCalls.length + 1,
    );
    const { channels: _, ...less } = committed;
    const operations = await parse(less);
    assert.ok(operations.found.some((line) => line.includes("operations")));
  });

  test("has examples that its own schemas take", () => {
    for (const message of Object.values(committed.components.messages)) {
      const [example] = message.examples;
      assert.deepEqual(problemsOf(message.headers, example?.headers), []);
      if (!("payload" in message)) continue;
      const { schema } = message.payload;
      const [{ payload } = {}] = message.examples;
      assert.deepEqual(problemsOf(schema, payload), []);
    }
  });

  test("holds for what a running system tells: subjects, headers and data", async () => {
    await using stack = await startStack({
      ...{ env: { ENGINE: "fake" }, callers: ["default"] },
    });
    await using broker = await connectBroker({
      ...{ url: stack.natsUrl, name: "test" },
    });
    await using caller = await connectBroker({
      ...brokerOf({ NATS_URL: stack.plainNatsUrl, NATS_NKEY_FILE: stack.accounts?.fileOfCaller("default") }, "operator"), // prettier-ignore
      name: "caller",
    });
    const heard = broker.nc.subscribe("llm.*.*.>");
    await broker.nc.flush();
    const posted = await fetch(`${stack.url}/generate`, {
      method: "POST",
      headers: {
        ...{ "X-API-Key": stack.key, "Content-Type": "application/json" },
        traceparent: origin,
      },
      body: JSON.stringify({
        ...{ prompt: "hi", user_id: "Zoë", metadata: { a: "b c" } },
        ...{ group: "g" },
      }),
    });
    const { task_id } = (await posted.json()) as { task_id: string };
    const seen = new Set<string>();
    for await (const { subject, headers, data } of heard) {
      const [, kind, word] = subject.split(".");
      if (kind !== "events" && kind !== "stored") continue;
      if (headers?.get("ce-subject") !== task_id) continue;
      check(subject, headersOf(headers), data);
      assert.equal(headers.get("ce-traceparent"), origin);
      seen.add(`${kind} ${word}`);
      if (seen.size === 6) break;
    }
    const ask = async (call: ApiCall, body: object) => {
      const subject = `llm.api.default.${call}`;
      const asked = JSON.stringify(body);
      check(subject, {}, new TextEncoder().encode(asked));
      const answer = await caller.nc.request(subject, asked, { timeout: 20_000 }); // prettier-ignore
      const refused = answer.headers?.has("Nats-Service-Error");
      const id = `${call[0]?.toUpperCase()}${call.slice(1)}Answer`;
      checkBody(refused ? "Refusal" : id, answer.headers && headersOf(answer.headers), answer.data); // prettier-ignore
    };
    await ask("generate", { prompt: "hi", max_tokens: 4 });
    await ask("result", { task_id, wait: 20 });
    await ask("result", { task_id: task_id.replace(/.$/, "x") });
    await ask("cancel", { task_id });
  });
});

type Headers = Record<string, string>;

const headersOf = (of: {
  keys(): string[];
  get(name: string): string;
}): Headers =>
  Object.fromEntries(of.keys().map((name) => [name, of.get(name)]));

const problemsOf = (schema: object, value: unknown): string[] =>
  new Validator(schema as Schema, "7", false)
    .validate(value)
    .errors.map(({ error, instanceLocation }) => instanceLocation + error);

/** One of the channels has the subject, and its message the headers and the body. */
function check(subject: string, told: Headers, data: Uint8Array): void {
  const channel = Object.values(committed.channels).find(({ address }) =>
    new RegExp(`^${address?.replaceAll(/\{\w+\}/g, "[^.]+")}$`).test(subject),
  );
  const [id = ""] = Object.keys(channel?.messages ?? {});
  const body = checkBody(id, told, data, subject);
  if (body === undefined || !(id in kinds)) return;
  assert.equal(told["ce-id"], messageId({ type: id, data: body } as never));
}

/** The message has the headers, none besides, and the body, which comes back; undefined: it has none. */
function checkBody(
  id: string,
  told: Headers = {},
  data: Uint8Array,
  what = id,
): unknown {
  const message = Object.entries(committed.components.messages).find(
    ([name]) => name === id,
  )?.[1];
  assert.ok(message, what);
  assert.deepEqual(problemsOf(message.headers, told), [], what);
  const known = new Set(Object.keys(message.headers.properties));
  assert.deepEqual(
    Object.keys(told).filter((name) => !known.has(name)),
    [],
    what,
  );
  if (!("payload" in message)) {
    assert.equal(data.length, 0);
    return undefined;
  }
  const body: unknown = JSON.parse(new TextDecoder().decode(data));
  assert.deepEqual(problemsOf(message.payload.schema, body), [], what);
  return body;
}
