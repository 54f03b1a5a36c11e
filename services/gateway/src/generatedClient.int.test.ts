/** A typed client, made from `/openapi.json` by a generator that others use, against a real system. */
import { startStack, type Stack } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import openapiTS, { astToString, type OpenAPI3 } from "openapi-typescript";
import ts from "typescript";
import { afterAll, beforeAll, describe, test } from "vitest";

/** What a user of the client writes. `@ts-expect-error` fails the check where the line below has no error. */
const program = `
import createClient from "openapi-fetch";
import type { paths } from "./api.ts";

export async function useClient(baseUrl: string, key: string) {
  const client = createClient<paths>({ baseUrl, headers: { "X-API-Key": key } });
  const params = { header: { prefer: "wait=30" } };

  const one = await client.POST("/generate", { params, body: { prompt: "hi", stop: "never", max_tokens: 2 } });
  const text: string | undefined = one.data && "result" in one.data ? one.data.result : undefined;
  const messages = [{ role: "user" as const, content: [{ type: "text" as const, text: "hi" }] }];
  const list = await client.POST("/generate", { params, body: { messages, stop: ["a", "b"], max_tokens: 2 } });
  // @ts-expect-error a number is no stop
  void (() => client.POST("/generate", { body: { prompt: "hi", stop: 5 } }));

  const refused = await client.POST("/generate", { body: { prompt: "hi", max_tokens: 0 } });
  const type: "urn:jetscribe:problem:invalid_request" | undefined =
    refused.error?.type === "urn:jetscribe:problem:invalid_request" ? refused.error.type : undefined;
  const fields = refused.error?.errors?.map(({ field }) => field);
  // @ts-expect-error no such type of problem
  void (() => refused.error?.type === "urn:jetscribe:problem:too_red");

  const slow = await client.POST("/generate", { body: { prompt: "hi" } });
  const path = { task_id: slow.data?.task_id ?? "" };
  const status = await client.GET("/status/{task_id}", { params: { path } });
  const cancelled = await client.POST("/cancel/{task_id}", { params: { path } });
  const end = await client.GET("/result/{task_id}", { params: { path, query: { wait: 30 } } });
  const again = await client.GET("/result/{task_id}", { params: { path: { task_id: path.task_id.toUpperCase() } } });
  const stream = await client.GET("/stream/{task_id}", { params: { path }, parseAs: "text" });
  const events: string | undefined = stream.data;
  const all = { path, header: { "last-event-id": "end" } };
  const nothing = await client.GET("/stream/{task_id}", { params: all });
  const health = await client.GET("/health");
  return {
    text, fields, type, events,
    listed: list.data?.status,
    location: one.response.headers.get("location"),
    task: status.data?.task_id === path.task_id,
    cancelled: cancelled.data?.status,
    end: end.data?.status,
    again: again.data?.status,
    nothing: nothing.response.status,
    engine: health.data?.workers[0]?.engine,
  };
}
`;

interface Used {
  text: string;
  location: string;
  events: string;
}

describe("a client generated from /openapi.json", () => {
  let stack: Stack;
  let folder: string;
  beforeAll(async () => {
    const pace = { FAKE_MS: "60000", FAKE_TOKENS: "600" };
    stack = await startStack({ env: { ENGINE: "fake", ...pace } });
    // Within the package, so that the client's library is found.
    folder = await mkdtemp(join(import.meta.dirname, ".generated-"));
  });
  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
    await stack.stop();
  });

  test("is right about every call that it makes", async () => {
    const file = join(folder, "program.ts");
    const answer = await fetch(`${stack.url}/openapi.json`);
    const types = await openapiTS((await answer.json()) as OpenAPI3, {
      // A default is the server's: the client may leave the field out.
      defaultNonNullable: false,
    });
    await writeFile(join(folder, "api.ts"), astToString(types));
    await writeFile(file, program);
    assert.deepEqual(typeErrors(file), []);

    const { useClient } = (await import(file)) as {
      useClient: (url: string, key: string) => Promise<Used>;
    };
    const { text, location, events, ...rest } = await useClient(
      stack.url,
      stack.key,
    );
    assert.match(text, /^\w+ \w+$/);
    assert.match(location, /^\/result\/[0-9a-f-]{36}$/);
    assert.match(events, /event: cancelled/);
    assert.deepEqual(rest, {
      fields: ["max_tokens"],
      type: "urn:jetscribe:problem:invalid_request",
      listed: "completed",
      task: true,
      ...{ cancelled: "cancelled", end: "cancelled", again: "cancelled" },
      nothing: 204,
      engine: "fake",
    });
  });
});

function typeErrors(file: string): string[] {
  const program = ts.createProgram([file], {
    ...{ strict: true, noEmit: true, allowImportingTsExtensions: true },
    module: ts.ModuleKind.NodeNext,
    target: ts.ScriptTarget.ESNext,
    lib: ["lib.esnext.d.ts", "lib.dom.d.ts", "lib.dom.iterable.d.ts"],
    types: [],
  });
  return ts.getPreEmitDiagnostics(program).map(({ messageText, start }) => {
    const line = start === undefined ? "" : `${start}: `;
    return line + ts.flattenDiagnosticMessageText(messageText, "\n");
  });
}
