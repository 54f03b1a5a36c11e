/** Lists of tasks on real servers: two gateways and two results services, with the fake engine behind them. */
import {
  taskIdTime,
  type TaskListResponse,
  type TasksActedOnResponse,
} from "@jetscribe/schema";
import { connectStore } from "@jetscribe/task-store";
import {
  eventually,
  redisPrefix,
  startStack,
  type Stack,
} from "@jetscribe/testing";
import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, test } from "vitest";

describe("GET /tasks", () => {
  let stack: Stack;
  beforeAll(async () => {
    stack = await startStack({
      services: [
        ...(["gateway", "gateway-2", "inference"] as const),
        ...(["results", "results-2", "logger"] as const),
      ],
      env: {
        ...{ ENGINE: "fake", FAKE_MS: "5", CONTEXT_SIZE: "9000" },
        API_KEYS: "root:key-of-root,a:key-of-a,b:key-of-b",
      },
    });
  });
  afterAll(() => stack.stop());

  const ask = async (path: string, key = "key-of-a", url = stack.url) => {
    const response = await fetch(url + path, { headers: { "x-api-key": key } });
    return {
      status: response.status,
      retryAfter: response.headers.get("retry-after"),
      body: (await response.json()) as TaskListResponse & {
        errors?: { field: string }[];
      },
    };
  };

  /** What is answered once the task index answers. */
  const get = (...asked: Parameters<typeof ask>) =>
    eventually(async () => {
      const answer = await ask(...asked);
      return answer.status !== 503 && answer;
    });

  async function post(body: object = {}, key = "key-of-a", url = stack.url) {
    const response = await fetch(`${url}/generate`, {
      method: "POST",
      headers: { "x-api-key": key, "content-type": "application/json" },
      body: JSON.stringify({ prompt: "hi", max_tokens: 2, ...body }),
    });
    assert.equal(response.status, 202);
    return ((await response.json()) as { task_id: string }).task_id;
  }

  const ended = async (ids: readonly string[], key = "key-of-a") => {
    for (const id of ids)
      assert.equal((await get(`/result/${id}?wait=60`, key)).status, 200);
  };

  /** The ids of all pages, by their links; `between` is done after each page. */
  async function walk(
    query: string,
    key = "key-of-a",
    between: () => Promise<unknown> = () => Promise.resolve(),
  ): Promise<string[]> {
    const ids: string[] = [];
    let next: string | undefined = `/tasks?${query}`;
    while (next !== undefined) {
      const { status, body } = await get(next, key);
      assert.equal(status, 200, JSON.stringify(body));
      ids.push(...body.tasks.map(({ task_id }) => task_id));
      next = body.next;
      await between();
    }
    return ids;
  }

  test("a task is in its owner's list as soon as it is accepted, on every gateway, and in nobody else's", async () => {
    for (let i = 0; i < 20; i++) {
      const order = `rw-${i}`;
      const id = await post({ metadata: { order }, user_id: "ada" });
      for (const url of [stack.url, stack.url2])
        for (const query of [`metadata.order=${order}`, "user_id=ada", ""]) {
          const { body } = await get(
            `/tasks?${query}&limit=1`,
            "key-of-a",
            url,
          );
          assert.equal(body.tasks[0]?.task_id, id, query);
        }
      const { body } = await get(`/tasks?metadata.order=${order}`, "key-of-b");
      assert.deepEqual(body, { tasks: [] });
    }
  });

  test("what the list says of a task is what its request and its outcome say", async () => {
    const metadata = { "a b": "Zoë 100%", c: "" };
    const labels = { metadata, user_id: "Zoë" };
    const id = await post({ ...labels, lane: "batch" });
    await ended([id]);
    const query = "metadata.a+b=Zo%C3%AB+100%25&metadata.c=&status=completed";
    const { body } = await get(`/tasks?${query}&lane=batch&model=demo`);
    const status = (await get(`/status/${id}`)).body as unknown as {
      [field: string]: unknown;
      end_time: number;
    };
    assert.deepEqual(status["metadata"], metadata);
    const [task] = body.tasks;
    const { requested_at = 0, started_at = 0 } = task ?? {};
    assert.deepEqual(body.tasks, [
      {
        ...{ task_id: id, status: "completed", lane: "batch", attempt: 1 },
        ...{ model: "demo", ...labels },
        ...{ requested_at, started_at, ended_at: status.end_time },
      },
    ]);
    assert.ok(requested_at <= started_at && started_at <= status.end_time);
  });

  const timeOf = (id = "") => taskIdTime(id) ?? assert.fail();

  test("each filter leaves out what does not match, and pages hold while tasks arrive", async () => {
    const group = { group: "pages" };
    const ids: string[] = [];
    for (let i = 0; i < 25; i++)
      ids.unshift(
        await post({ metadata: { ...group, even: `${i % 2 === 0}` } }),
      );
    await ended(ids);
    const between = () => post({ metadata: group });
    const found = await walk(
      "metadata.group=pages&limit=7",
      "key-of-a",
      between,
    );
    assert.deepEqual(found, ids);
    const even = ids.filter((_, i) => i % 2 === 0);
    const evenQuery = "metadata.group=pages&metadata.even=true&limit=4";
    assert.deepEqual(await walk(evenQuery), even);
    const all = await walk("limit=100");
    assert.equal(new Set(all).size, all.length);
    assert.ok(ids.every((id) => all.includes(id)));
    const middle = timeOf(ids[12]);
    const atMiddle = `${middle / 1_000}`;
    assert.deepEqual(
      await walk(`metadata.even=true&after=${atMiddle}`),
      even.filter((id) => timeOf(id) >= middle),
    );
    const before = await walk(`metadata.group=pages&before=${atMiddle}`);
    const earlier = ids.filter((id) => timeOf(id) < middle);
    assert.ok(earlier.length > 0);
    assert.deepEqual(before, earlier);
    const none = await walk("metadata.group=pages&status=failed,cancelled");
    assert.deepEqual(none, []);
  });

  test("another owner's tasks are for a key with the scope admin only", async () => {
    const id = await post({ metadata: { of: "b" } }, "key-of-b");
    const query = "metadata.of=b&owner=b";
    assert.deepEqual(await walk(query, "key-of-root"), [id]);
    assert.deepEqual(await walk(query, "key-of-b"), [id]);
    assert.deepEqual(await walk("metadata.of=b", "key-of-root"), []);
    for (const owner of ["b", "nobody"])
      assert.equal((await get(`/tasks?owner=${owner}`)).status, 403);
  });

  test("what makes no sense is a 400 that names it", async () => {
    for (const [query, field] of [
      ...[
        ["status=done", "status.0"],
        ["limit=0", "limit"],
      ],
      ...[
        ["limit=101", "limit"],
        ["limit=x", "limit"],
        ["limit=", "limit"],
      ],
      ...[
        ["cursor=x", "cursor"],
        ["colour=red", "colour"],
      ],
      ...[
        ["after=now", "after"],
        ["user_id=", "user_id"],
        ["error=", "error"],
        [`error=${"x".repeat(257)}`, "error"],
        ["error=a%00b", "error"],
        ["error=a&error=b", "error"],
      ],
      ...[
        ["metadata=x", "metadata"],
        ["metadata.__proto__=x", "metadata.__proto__"],
        ["__proto__=x", "__proto__"],
        ["lane=fast", "lane"],
      ],
      [`cursor=${"_".repeat(23)}`, "cursor"],
    ] as [string, string][]) {
      const { status, body } = await get(`/tasks?${query}`);
      assert.equal(status, 400, query);
      assert.deepEqual(
        body.errors?.map((error) => error.field),
        [field],
      );
    }
  });

  const act = async (
    what: "cancel" | "retry",
    body: object,
    { key = "key-of-a", ...headers }: Record<string, string> = {},
  ) => {
    const response = await fetch(`${stack.url}/tasks/${what}`, {
      method: "POST",
      headers: {
        ...{ "x-api-key": key, "content-type": "application/json" },
        ...headers,
      },
      body: JSON.stringify(body),
    });
    const answer = (await response.json()) as TasksActedOnResponse;
    return { status: response.status, ...answer };
  };

  test("tasks are cancelled and run again by filter, one's own and no others", async () => {
    await stack.kill("inference");
    const metadata = { group: "bulk" };
    const ids: string[] = [];
    for (let i = 0; i < 60; i++) {
      const lane = i % 3 ? "interactive" : "batch";
      ids.unshift(await post({ metadata, lane }));
    }
    const ofB = await post({ metadata }, "key-of-b");
    const batch = { metadata, lane: "batch" };
    const dry = { status: 200, dry_run: true, results: {} };
    const done = { status: 200, dry_run: false };
    for (const [filter, matched] of [
      ...([
        [{ metadata }, 60],
        [batch, 20],
      ] as const),
      ...([[{ ...batch, status: ["processing"] }, 0]] as const),
    ] as const) {
      const asked = await act("cancel", { ...filter, dry_run: true });
      assert.deepEqual(asked, { ...dry, matched });
    }
    assert.deepEqual(await act("cancel", batch), {
      ...{ ...done, matched: 20, results: { cancelled: 20 } },
    });
    assert.deepEqual(await act("cancel", { metadata }), {
      ...{ ...done, matched: 40, results: { cancelled: 40 } },
    });
    const cancelled = "metadata.group=bulk&status=cancelled&limit=100";
    assert.deepEqual(await walk(cancelled), ids);
    assert.deepEqual(await walk("metadata.group=bulk", "key-of-b"), [ofB]);

    const again = { ...batch, status: ["cancelled"] };
    assert.deepEqual(await act("retry", { ...again, dry_run: true }), {
      ...{ ...dry, matched: 20 },
    });
    const accepted = { ...done, matched: 20, results: { accepted: 20 } };
    const once = { "idempotency-key": "again" };
    assert.deepEqual(await act("retry", again, once), accepted);
    assert.deepEqual(await act("retry", again, once), accepted);
    await stack.restart("inference");
    const all = await walk("metadata.group=bulk&lane=batch&limit=50");
    assert.equal(all.length, 40);
    await ended(all);
    const none = await act("retry", { metadata, dry_run: true });
    assert.equal(none.matched, 0, "none has failed");

    await ended([ofB], "key-of-b");
    const foreign = { metadata, owner: "b" };
    assert.equal((await act("cancel", foreign)).status, 403);
    assert.equal((await act("retry", foreign)).status, 400);
    assert.equal((await act("cancel", { colour: "red" })).status, 400);
  });

  test("failed tasks are found, counted and run again by a part of their error", async () => {
    const metadata = { group: "errors" };
    const ids = [
      await post({ metadata, max_tokens: 9_001 }),
      await post({ metadata, max_tokens: 9_002, user_id: "ada" }),
      await post({ metadata }),
    ];
    await ended(ids);
    const [first, second] = ids;
    for (const [query, found] of [
      ["error=the+context+holds", [second, first]],
      ["error=validationerror:+the+PROMPT", [second, first]],
      ["error=max_tokens+is+9001", [first]],
      ["error=max_tokens+is+900_", []],
      ["error=%25", []],
      ["error=context&user_id=ada", [second]],
      ["error=context&user_id=ada&metadata.group=errors", [second]],
      ["error=context&user_id=grace", []],
      ["error=context&status=completed", []],
      ["error=TimeoutError", []],
    ] as const) {
      assert.deepEqual(await walk(query), found, query);
      assert.deepEqual(await walk(`${query}&limit=1`), found, query);
    }
    const { body } = await get("/tasks?error=is+9001");
    const result = (await get(`/result/${first}`)).body as unknown as {
      error_message: string;
    };
    assert.equal(body.tasks[0]?.error_message, result.error_message);
    assert.deepEqual(await walk("error=context", "key-of-b"), []);
    const asked = await act("retry", { error: "context holds", dry_run: true });
    assert.equal(asked.matched, 2);
    const again = await act("retry", { error: "is 9002" });
    assert.deepEqual(again.results, { accepted: 1 });
    assert.equal((await act("cancel", { error: "context" })).status, 400);
  });

  test("a key with the scope admin cancels another owner's tasks", async () => {
    await stack.kill("inference");
    const metadata = { group: "admin" };
    const id = await post({ metadata }, "key-of-b");
    const key = "key-of-root";
    const { results } = await act("cancel", { metadata, owner: "b" }, { key });
    assert.deepEqual(results, { cancelled: 1 });
    await stack.restart("inference");
    const query = "metadata.group=admin&status=cancelled";
    assert.deepEqual(await walk(query, "key-of-b"), [id]);
  });

  test("the list is the same without Redis, by a gateway that started again, and by an index that is built again", async () => {
    const ids: string[] = [];
    for (let i = 0; i < 30; i++)
      ids.unshift(await post({ metadata: { group: "same" } }));
    await ended(ids);
    const query = "metadata.group=same&status=completed&limit=9";
    const tasksOf = async () => (await get(`/tasks?${query}`)).body;
    const before = await tasksOf();
    assert.deepEqual(await walk(query), ids);

    await stack.restart("gateway");
    await stack.healthy();
    assert.deepEqual(await tasksOf(), before);

    {
      const { redisUrl: url } = stack;
      const store = connectStore({
        ...{ url, prefix: redisPrefix, name: "test" },
        silenceMs: 60_000,
      });
      await eventually(() => store.ready());
      await store.redis.flushall();
      await store.close();
    }
    assert.deepEqual(await walk(query), ids);
    await stack.redis.kill();
    assert.deepEqual(await walk(query), ids);
    await stack.redis.restart();

    await stack.kill("results");
    await stack.kill("results-2");
    const { status, retryAfter } = await ask("/tasks");
    assert.equal(status, 503);
    assert.ok(Number(retryAfter) > 0);
    rmSync(join(stack.dataDir, "index"), { recursive: true });
    await stack.restart("results");
    assert.deepEqual(await tasksOf(), before);
    assert.deepEqual(await walk(query), ids);
  });
});
