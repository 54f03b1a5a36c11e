/** `GET /feed` on real servers: two gateways, the fake engine, pages that fold what comes. */
import type {
  HistoryResponse,
  LogResponse,
  TaskListResponse,
} from "@jetscribe/schema";
import {
  eventually,
  stackServices,
  startStack,
  type Stack,
} from "@jetscribe/testing";
import assert from "node:assert/strict";
import { afterAll, afterEach, beforeAll, describe, test } from "vitest";
import { openPage, type Page } from "../../test/feedTestKit.ts";

describe("GET /feed", () => {
  let stack: Stack;
  const pages: Page[] = [];
  beforeAll(async () => {
    stack = await startStack({
      services: [...stackServices, "gateway-2"],
      env: {
        ...{ ENGINE: "fake", FAKE_MS: "20", FAKE_TOKENS: "4", SLOTS: "8" },
        CONTEXT_SIZE: "9000",
        API_KEYS: "root:key-of-root,a:key-of-a,b:key-of-b",
      },
    });
  });
  afterEach(async () => {
    for (const page of pages) page.close();
    await Promise.all(pages.splice(0).map(({ ended }) => ended));
  });
  afterAll(() => stack.stop());

  async function open(
    query: string,
    key = "key-of-a",
    options: { lastEventId?: string } = {},
  ): Promise<Page> {
    const page = await openPage({ url: stack.url, key }, query, options);
    pages.push(page);
    if (page.status === 200)
      await eventually(
        () => page.frames.length > 0 || page.text().includes("nothing new"),
      );
    return page;
  }

  async function post(
    body: object = {},
    key = "key-of-a",
    url = stack.url,
  ): Promise<string> {
    const response = await fetch(`${url}/generate`, {
      method: "POST",
      headers: { "x-api-key": key, "content-type": "application/json" },
      body: JSON.stringify({
        ...{ prompt: "a secret prompt", max_tokens: 4, ...body },
      }),
    });
    const { task_id } = (await response.json()) as { task_id: string };
    assert.equal(response.status, 202);
    return task_id;
  }

  async function get<T>(path: string, key = "key-of-a"): Promise<T> {
    const headers = { "x-api-key": key };
    const response = await fetch(stack.url + path, { headers });
    assert.equal(response.status, 200, path);
    return (await response.json()) as T;
  }

  const listed = async (query: string, key = "key-of-a") =>
    (await get<TaskListResponse>(`/tasks?${query}`, key)).tasks;

  /** What the page shows is what the list says, once nothing happens any more. */
  async function agrees(page: Page, query: string, key?: string) {
    await eventually(async () => {
      assert.deepEqual(page.tasks(), await listed(query, key), query);
      return true;
    });
  }

  test("a page follows its tasks from their requests to their outcomes, without a prompt or a text", async () => {
    const page = await open("view=tasks&limit=10");
    const queuedOnly = await open("view=tasks&status=queued,processing");
    const labelled = await open("view=tasks&metadata.order=7&status=completed");
    const id = await post({ metadata: { order: "7" }, user_id: "ada" });
    const other = await post({ metadata: { order: "8" } });
    const ended = () =>
      page.tasks().filter(({ status }) => status === "completed").length;
    await eventually(() => ended() >= 2);
    await agrees(page, "limit=10");
    const ids = page.tasks().map(({ task_id }) => task_id);
    assert.deepEqual(ids.slice(0, 2), [other, id]);
    await agrees(labelled, "metadata.order=7&status=completed");
    assert.deepEqual(labelled.tasks().map(({ task_id }) => task_id), [id]); // prettier-ignore
    await eventually(() => queuedOnly.text().includes(id));
    await agrees(queuedOnly, "status=queued,processing");
    assert.deepEqual(queuedOnly.tasks(), []);
    for (const { text } of [page, queuedOnly, labelled])
      assert.doesNotMatch(text(), /secret|"prompt"|"result"/);
    const kinds = page.frames.map(({ event }) => event);
    assert.deepEqual([...new Set(kinds)], ["snapshot", "events"]);
    for (const { id, data } of page.frames) assert.equal(id, `${data.seq}`);
  });

  test("a page of errors takes a task in once it failed with such a text", async () => {
    const failed = "error=the+context+holds";
    const page = await open(`view=tasks&${failed}`);
    const others = await open("view=tasks&error=timeout");
    const id = await post({ max_tokens: 9_001, user_id: "ada" });
    await post();
    await eventually(() => page.tasks().length > 0);
    assert.deepEqual(page.tasks().map(({ task_id }) => task_id), [id]); // prettier-ignore
    await agrees(page, failed);
    const later = await open(`view=tasks&${failed}&user_id=ada`);
    await agrees(later, failed);
    await agrees(others, "error=timeout");
    assert.deepEqual(others.tasks(), []);
    assert.doesNotMatch(page.text(), /secret/);
  });

  test("the page of one task has each of its events as the log takes it, as its history says", async () => {
    const id = await post();
    const page = await open(`view=task&task_id=${id}`);
    await eventually(() => page.task()?.status === "completed");
    const later = await open(`view=task&task_id=${id}`);
    const { events } = await get<HistoryResponse>(`/tasks/${id}/events`);
    const withoutText = events.map(({ data, ...event }) => {
      const {
        prompt: _,
        result: _1,
        ...rest
      } = data as Record<string, unknown>;
      return { ...event, data: rest };
    });
    assert.deepEqual(page.task()?.events, withoutText);
    assert.deepEqual(later.task()?.events, withoutText);
    assert.doesNotMatch(page.text(), /secret/);
  });

  test("nobody sees another owner's tasks without the scope admin", async () => {
    const own = await open("view=tasks", "key-of-b");
    const all = await open("view=tasks&owner=*&limit=100", "key-of-root");
    const id = await post();
    const ofB = await post({}, "key-of-b");
    await eventually(
      () => own.tasks()[0]?.status === "completed" && all.text().includes(id),
    );
    assert.ok(own.text().includes(ofB) && !own.text().includes(id));
    await agrees(all, "owner=*&limit=100", "key-of-root");
    assert.deepEqual(
      new Set(all.tasks().map(({ owner }) => owner)),
      new Set(["a", "b"]),
    );
    const statuses = async (query: string, key: string) =>
      (await open(query, key)).status;
    for (const owner of ["a", "*"])
      assert.equal(
        await statuses(`view=tasks&owner=${owner}`, "key-of-b"),
        403,
      );
    const task = `view=task&task_id=${id}`;
    assert.equal(await statuses(task, "key-of-b"), 404);
    assert.equal(await statuses(`${task}&owner=a`, "key-of-b"), 403);
    assert.equal(await statuses(`${task}&owner=a`, "key-of-root"), 200);
    assert.equal(await statuses("view=tasks", "no-key"), 401);
    assert.equal(await statuses("view=nothing", "key-of-b"), 400);
  });

  test("the page of the log has each event that matches, as the log has it", async () => {
    const before = await post();
    await eventually(
      async () =>
        (await get<HistoryResponse>(`/tasks/${before}/events`)).status ===
        "completed",
    );
    const type = "type=GenerateRequested,GenerateCompleted&lane=batch";
    const page = await open(`view=log&limit=50&${type}`);
    const own = await open("view=log", "key-of-root");
    const all = await open("view=log&owner=*&limit=100", "key-of-root");
    const { length } = all.events();
    const ids = [
      await post({ lane: "batch" }),
      await post({ lane: "interactive" }),
    ];
    await post({}, "key-of-root");
    await eventually(() => all.events().length >= length + 9);
    for (const [shown, query, key] of [
      [page, `limit=50&${type}`, "key-of-a"],
      [own, "limit=20", "key-of-root"],
      [all, "limit=100&owner=*", "key-of-root"],
    ] as const)
      await eventually(async () => {
        const { events } = await get<LogResponse>(`/log?${query}`, key);
        assert.deepEqual(shown.events().slice(0, events.length), events, query);
        return true;
      });
    assert.deepEqual(
      page.events().map(({ task_id, type }) => [task_id, type]),
      [
        [ids[0], "GenerateCompleted"],
        [ids[0], "GenerateRequested"],
      ],
    );
    assert.doesNotMatch(all.text(), /secret|"prompt"|"result"/);
  });

  test("a reader that comes back goes on behind its last frame, and gets a snapshot where that is not known", async () => {
    const stays = await open("view=tasks");
    const first = await open("view=tasks");
    await post();
    await eventually(() => first.frames.length > 1);
    const lastEventId = first.frames.at(-1)?.id ?? "";
    first.close();
    const id = await post();
    // The first one's end may come later than the second one's.
    await eventually(() => {
      const tasks = stays.tasks();
      const haveEnded = tasks.every(({ ended_at }) => ended_at !== undefined);
      return haveEnded && tasks[0]?.task_id === id;
    });
    const back = await open("view=tasks", "key-of-a", { lastEventId });
    await eventually(() => {
      const text = back.text();
      return text.includes("GenerateCompleted") && text.includes(id);
    });
    assert.equal(back.frames[0]?.event, "events");
    const told = { lastEventId: stays.frames.at(-1)?.id ?? "" };
    const upToDate = await open("view=tasks", "key-of-a", told);
    assert.deepEqual(upToDate.frames, []);
    const stranger = await open("view=tasks", "key-of-a", {
      lastEventId: "99999",
    });
    assert.equal(stranger.frames[0]?.event, "snapshot");
  });

  test("a stream ends with its key", async () => {
    const headers = {
      "x-api-key": "key-of-root",
      "content-type": "application/json",
    };
    const made = await fetch(`${stack.url}/admin/keys`, {
      ...{ method: "POST", headers },
      body: JSON.stringify({ name: "c", scopes: ["read"] }),
    });
    const { id, key } = (await made.json()) as { id: string; key: string };
    const page = await open("view=tasks", key);
    await fetch(`${stack.url}/admin/keys/${id}`, { method: "DELETE", headers });
    await page.ended;
  });

  test("above 200 events a second a page gets four deltas a second at most, and is right in the end", async () => {
    const page = await open("view=tasks&limit=50");
    const completed = await open("view=tasks&status=completed&limit=30");
    const deltas = () => page.frames.filter(({ event }) => event === "delta");
    let from = 0;
    // What happens while the gateway stands still comes at once, unless the machine stands still then.
    await eventually(async () => {
      await stack.kill("gateway", "SIGSTOP");
      await Promise.all(
        Array.from({ length: 250 }, () => post({}, "key-of-a", stack.url2)),
      );
      from = performance.now();
      await stack.kill("gateway", "SIGCONT");
      await eventually(
        async () => (await listed("status=queued,processing")).length === 0,
      );
      await agrees(page, "limit=50");
      await agrees(completed, "limit=30&status=completed");
      return deltas().length > 0;
    });
    const tookS = ((deltas().at(-1)?.at ?? 0) - from) / 1_000;
    assert.ok(deltas().length <= 4 * tookS + 1);
  });

  test("a reader that takes nothing for a while is right when it reads on", async () => {
    const slow = await open("view=tasks&limit=100");
    slow.pause();
    await Promise.all(Array.from({ length: 200 }, () => post()));
    await eventually(
      async () => (await listed("status=queued,processing")).length === 0,
    );
    slow.resume();
    await agrees(slow, "limit=100");
  });
});
