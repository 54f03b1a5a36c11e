/** Pages of `GET /feed` while services and servers die under load: what they show in the end is what the log says. */
import type { ListedTask, TaskListResponse } from "@jetscribe/schema";
import { eventually, startStack, type Stack } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "vitest";
import { openPage, type Page } from "../../test/feedTestKit.ts";

const queries = [
  "limit=100",
  "limit=100&status=queued,processing",
  "limit=60&status=completed",
  "limit=100&metadata.even=yes",
  "limit=100&metadata.even=yes&status=completed,failed",
];

describe("pages of GET /feed", () => {
  let stack: Stack;
  beforeAll(async () => {
    stack = await startStack({
      env: {
        ...{ ENGINE: "fake", FAKE_MS: "100", FAKE_TOKENS: "4", SLOTS: "8" },
        ...{ API_KEYS: "a:key-of-a", ACK_WAIT: "3" },
      },
    });
  });
  afterAll(() => stack.stop());
  const headers = {
    "x-api-key": "key-of-a",
    "content-type": "application/json",
  };

  /** As long as it takes: the gateway may be without its servers. */
  const post = (even: boolean) =>
    eventually(async () => {
      const metadata = { even: even ? "yes" : "no" };
      const request = { prompt: "hi", max_tokens: 4, metadata };
      const { status } = await fetch(`${stack.url}/generate`, {
        ...{ method: "POST", headers, body: JSON.stringify(request) },
      });
      return status === 202;
    });

  async function list(query: string): Promise<ListedTask[] | undefined> {
    const answer = await fetch(`${stack.url}/tasks?${query}`, { headers });
    const { tasks } = (await answer.json()) as Partial<TaskListResponse>;
    return tasks;
  }

  test("show what the lists say after kills of worker, projection and broker under load", async () => {
    const pages = await Promise.all(
      queries.map((query) =>
        openPage({ url: stack.url, key: "key-of-a" }, `view=tasks&${query}`),
      ),
    );
    let posted = 0;
    let stopped = false;
    const loading = Array.from({ length: 4 }, async (_, i) => {
      while (!stopped) {
        await post(i % 2 === 0);
        posted++;
      }
    });
    const more = async () => {
      const from = posted;
      await eventually(() => posted > from + 30);
    };
    await more();
    await stack.kill("inference");
    await more();
    await stack.restart("inference");
    await stack.kill("results");
    await more();
    await stack.restart("results");
    await more();
    await stack.nats.kill();
    await stack.nats.restart();
    await more();
    stopped = true;
    await Promise.all(loading);
    await eventually(
      async () => (await list("status=queued,processing"))?.length === 0,
    );
    const agree = async (page: Page | undefined, query: string) => {
      await eventually(async () => {
        assert.deepEqual(page?.tasks(), await list(query), query);
        return true;
      });
    };
    for (const [i, query] of queries.entries()) await agree(pages[i], query);
    for (const page of pages) page.close();
    await Promise.all(pages.map(({ ended }) => ended));
  });

  test("a page that is opened while the broker is away is a 503 within seconds", async () => {
    await stack.nats.kill();
    for (const view of ["now", "tasks"]) {
      const answer = await fetch(`${stack.url}/feed?view=${view}`, {
        ...{ headers, signal: AbortSignal.timeout(15_000) },
      });
      assert.equal(answer.status, 503, view);
      await answer.body?.cancel();
    }
    await stack.nats.restart();
  });
});
