/** Who is told who read a task's texts, and what a key gets that ends while its reading is recorded. */
import type { Scope, ShownTextRead } from "@jetscribe/schema";
import assert from "node:assert/strict";
import { hash } from "node:crypto";
import { test } from "vitest";
import { callKeys, key, send, startApp } from "../../test/appTestKit.ts";
import { ApiKeyList } from "../keys/apiKeys.ts";

const reading: ShownTextRead = {
  ...{ time: 1, key_id: "env:b", key_owner: "b", parts: ["prompt"] },
  ...{ surface: "dashboard", trace_id: "0".repeat(31) + "1" },
};
const recorded = () => Promise.resolve();
const inDashboard = { "jetscribe-surface": "dashboard" };

test("who read the texts is told to a key, and to no read token or link", async () => {
  await using app = await startApp({}, ApiKeyList.parse(`a:${key}`), {
    audit: { record: recorded, readsOf: () => Promise.resolve([reading]) },
  });
  const { task_id } = app.running;
  const make = async (path: string) => {
    const { body } = await send(app, "POST", path, { body: "{}", headers: { "content-type": "application/json" } }); // prettier-ignore
    return (JSON.parse(body) as { token: string }).token;
  };
  const tokens = [
    await make(`/tasks/${task_id}/token`),
    await make("/dashboard/links"),
  ];
  for (const [given, told] of [
    [key, [reading]],
    ...tokens.map((token) => [token, undefined] as const),
  ] as const) {
    const headers = { "x-api-key": given };
    const path = `/tasks/${task_id}/events`;
    const { status, body } = await send(app, "GET", path, { headers });
    assert.equal(status, 200, body);
    const history = JSON.parse(body) as { text_reads?: unknown };
    assert.deepEqual(history.text_reads, told);
  }
});

test("a history is answered without its readers where they can't be read in time", async () => {
  await using app = await startApp({}, undefined, {
    audit: { record: recorded, readsOf: () => Promise.resolve(undefined) },
  });
  const path = `/tasks/${app.running.task_id}/events`;
  for (const query of ["", "?texts=false"]) {
    const { status, body } = await send(app, "GET", path + query);
    assert.equal(status, 200, body);
    assert.ok(!body.includes("text_reads"));
  }
});

test("a key that ends while its reading is recorded gets no text", async () => {
  const scopes: Scope[] = ["read", "read:text"];
  const made = {
    ...{ id: "made", name: "a", prefix: "jsk_made", scopes },
    ...{ digest: hash("sha256", "made key") },
    ...{ created_at: 1, created_by: "env:a" },
  };
  using keys = callKeys([]);
  await using app = await startApp({}, [], {
    keys,
    audit: {
      record() {
        keys.set([{ ...made, revoked_at: 2 }]);
        return Promise.resolve();
      },
      readsOf: () => Promise.resolve([]),
    },
  });
  const headers = { ...inDashboard, "x-api-key": "made key" };
  const { task_id } = app.withText;
  for (const path of [`/result/${task_id}`, `/tasks/${task_id}/events`]) {
    keys.set([made]);
    const { status, body } = await send(app, "GET", path, { headers });
    assert.equal(status, 401, body);
    assert.ok(!body.includes("the text"));
  }
});
