/** The view `now` on real servers: a slow fake engine with two slots, three keys. */
import type { NowRow, NowSlot, TaskListResponse } from "@jetscribe/schema";
import { eventually, startStack, type Stack } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "vitest";
import { openPage, type Page } from "../../test/feedTestKit.ts";

describe("GET /feed?view=now", () => {
  let stack: Stack;
  const pages: Page[] = [];
  beforeAll(async () => {
    stack = await startStack({
      env: {
        // A token takes 10 s, five times as long as a heartbeat.
        ...{ ENGINE: "fake", FAKE_MS: "30000", FAKE_TOKENS: "3", SLOTS: "2" },
        API_KEYS: "root:key-of-root,a:key-of-a,b:key-of-b",
      },
    });
  });
  afterAll(async () => {
    for (const page of pages) page.close();
    await Promise.all(pages.map(({ ended }) => ended));
    await stack.stop();
  });

  async function open(key: string): Promise<Page> {
    const page = await openPage({ url: stack.url, key }, "view=now");
    pages.push(page);
    await eventually(() => page.now() !== undefined);
    return page;
  }

  async function call(path: string, body?: object, key = "key-of-a") {
    const response = await fetch(stack.url + path, {
      headers: { "x-api-key": key, "content-type": "application/json" },
      ...(body && { method: "POST", body: JSON.stringify(body) }),
    });
    return (await response.json()) as Record<string, unknown>;
  }
  const post = async (body: object = {}) => {
    const asked = { prompt: "a secret prompt", max_tokens: 10, ...body };
    return String((await call("/generate", asked))["task_id"]);
  };

  const rowOf = (page: Page): NowRow | undefined =>
    page
      .now()
      ?.rows.find((row) => row.model === "demo" && row.lane === "interactive");
  const countsOf = (page: Page) => {
    const { queued, running } = rowOf(page) ?? {};
    return `${queued},${running}`;
  };
  const slotsOf = (page: Page): NowSlot[] =>
    page.now()?.workers.flatMap(({ running }) => running) ?? [];

  test("shows what waits and runs, what each slot holds, failures and health, and of others' tasks no more than that a slot is taken", async () => {
    const [own, other, all] = await Promise.all(
      ["key-of-a", "key-of-b", "key-of-root"].map(open),
    );
    assert.ok(own && other && all);
    assert.equal(countsOf(own), "0,0");
    const ids = [await post(), await post(), await post({ lane: "batch" })];
    const third = await post();
    await eventually(() => countsOf(own) === "1,2");
    assert.ok((rowOf(own)?.oldest_at ?? 0) > 1.7e9);
    assert.equal(countsOf(other), "0,0");
    await eventually(() => slotsOf(all).length === 2);
    for (const page of [own, all]) {
      await eventually(() =>
        slotsOf(page).every(({ task_id = "" }) => ids.includes(task_id)),
      );
      assert.ok(slotsOf(page).every(({ owner }) => owner === "a"));
    }
    await eventually(() => slotsOf(other).length === 2);
    const phases = () => slotsOf(other).map((slot) => Object.entries(slot));
    assert.ok(phases().every((slot) => slot.length === 1));
    for (const id of [...ids, third]) assert.ok(!other.text().includes(id));
    const written = ({ phase, tokens = 0 }: NowSlot) =>
      phase === "text" && tokens > 0;
    await eventually(() => slotsOf(own).some(written));
    assert.ok(all.text().includes('"phase":"prompt"'));
    await eventually(() => own.now()?.health.status === "healthy");
    assert.deepEqual(own.now()?.failures, []);

    for (const id of [...ids, third])
      await call(`/cancel/${id}`, {}).catch(() => undefined);
    await eventually(() => countsOf(own) === "0,0");
    await post({ timeout_ms: 1_000 });
    await eventually(() => (own.now()?.failures.length ?? 0) > 0);
    const [failure] = own.now()?.failures ?? [];
    assert.deepEqual(
      [failure?.error_type, failure?.model, failure?.count],
      ["TimeoutError", "demo", 1],
    );
    assert.equal(failure?.last_owner, undefined);
    await eventually(() => all.now()?.failures[0]?.last_owner === "a");
    const readAnew = await open("key-of-root");
    assert.equal(readAnew.now()?.failures[0]?.last_owner, "a");
    assert.deepEqual(other.now()?.failures, []);
    const again = await open("key-of-a");
    assert.deepEqual(again.now()?.failures, own.now()?.failures);
    assert.doesNotMatch(all.text(), /secret/);
  });

  test("counts a task for later by itself, also where nothing else waits", async () => {
    const page = await open("key-of-a");
    const other = await open("key-of-b");
    const laterOf = (page: Page) => rowOf(page)?.later;
    assert.equal(laterOf(page), undefined);
    const id = await post({ not_before: Date.now() / 1_000 + 3_600 });
    await eventually(() => laterOf(page) === 1);
    assert.equal(countsOf(page), "0,0");
    assert.equal(rowOf(page)?.oldest_at, undefined);
    await call(`/cancel/${id}`, {});
    await eventually(() => laterOf(page) === undefined);
    assert.doesNotMatch(other.text(), /"later"/);
  });

  test("counts a task for later as waiting once its time has come, which no event tells", async () => {
    const page = await open("key-of-a");
    const ids = [await post({ not_before: Date.now() / 1_000 + 12 })];
    await eventually(() => page.text().includes('"later":1'));
    ids.push(await post(), await post());
    await eventually(() => countsOf(page) === "1,2");
    assert.equal(rowOf(page)?.later, undefined);
    for (const id of ids) await call(`/cancel/${id}`, {});
    await eventually(() => countsOf(page) === "0,0");
  });

  test("is right again after the worker and the projection were killed", async () => {
    const page = await open("key-of-a");
    const [before] = page.now()?.workers ?? [];
    const ids = [await post(), await post(), await post()];
    await eventually(() => countsOf(page) === "1,2");
    await stack.kill("inference");
    await stack.kill("results");
    await stack.restart("results");
    await stack.restart("inference");
    await eventually(
      () =>
        page
          .now()
          ?.workers.every(({ worker_id }) => worker_id !== before?.worker_id) &&
        page.now()?.workers.length === 1,
    );
    for (const id of ids) await call(`/cancel/${id}`, {});
    const open_ = async () => {
      const list = await call("/tasks?status=queued,processing");
      return (list as unknown as TaskListResponse).tasks?.length;
    };
    await eventually(async () => (await open_()) === 0);
    await eventually(() => countsOf(page) === "0,0");
    await eventually(() => page.now()?.health.status === "healthy");
  });
});
