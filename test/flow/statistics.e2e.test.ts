/** The statistics of a whole system against what `jetscribe replay` says, as it runs, afterwards, and rebuilt. */
import { runCli } from "../../packages/cli/test/cliTestKit.ts";
import type {
  Queue,
  RecordedEvent,
  StatisticsResponse,
} from "@jetscribe/schema";
import { eventually, startStack, type Stack } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { once } from "node:events";
import { rm } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, test } from "vitest";
import {
  assertCounted,
  countedRows,
  type Told,
} from "../../services/results/test/statisticsTestKit.ts";
import { call, postMany, untilServed } from "./client.ts";

describe("GET /statistics", () => {
  let stack: Stack;
  beforeAll(async () => {
    stack = await startStack({
      env: {
        ...{ ENGINE: "fake", FAKE_MS: "40", FAKE_TOKENS: "8", SLOTS: "4" },
        API_KEYS: "root:key-of-root,a:key-of-a,b:key-of-b",
      },
    });
  });
  afterAll(() => stack?.stop());

  const as = (owner: string) => ({ url: stack.url, key: `key-of-${owner}` });

  async function ask(
    query: Record<string, string | number>,
    owner = "root",
  ): Promise<StatisticsResponse> {
    const params = new URLSearchParams();
    for (const [name, value] of Object.entries(query))
      params.set(name, String(value));
    const { status, body } = await untilServed(
      as(owner),
      `/statistics?${params.toString()}`,
    );
    assert.equal(status, 200, JSON.stringify(body));
    return body as unknown as StatisticsResponse;
  }

  /** What the log holds, by the command line. */
  async function replay(): Promise<Told[]> {
    const { code, stdout } = await runCli(stack.natsUrl, "replay");
    assert.equal(code, 0);
    return stdout
      .trimEnd()
      .split("\n")
      .map((line) => {
        const event = JSON.parse(line) as RecordedEvent & Queue;
        const { model, lane, owner } = event;
        return { event, queue: { model, lane, owner } };
      });
  }

  /** Some tasks of each owner, which end in every way. */
  async function load(tasks: number): Promise<void> {
    const few = Math.ceil(tasks / 5);
    const [, , expiring, toCancel] = await Promise.all([
      postMany(as("a"), tasks, { max_tokens: 8 }),
      postMany(as("b"), tasks, { max_tokens: 4, lane: "batch" }),
      postMany(as("a"), few, { max_tokens: 8, timeout_ms: 1, lane: "batch" }),
      postMany(as("b"), few, { start_timeout_ms: 600_000 }),
    ]);
    assert.equal(expiring.length, few);
    for (const id of toCancel)
      await call(as("b"), `/cancel/${id}`, { method: "POST" });
  }

  const untilIdle = () =>
    eventually(async () => {
      const { rows } = await ask({ step: 10 });
      const { waiting, running } = rows.at(-1) ?? {};
      return waiting === 0 && running === 0;
    });

  /** Holds the answers against the log up to the sequence that they are as of. */
  async function assertAgrees(): Promise<void> {
    const steps = [10, 60, 300, 3_600];
    const all = await Promise.all(steps.map((step) => ask({ step })));
    const lane = await ask({ step: 10, lane: "batch", model: "demo" });
    const own = await Promise.all(["a", "b"].map((owner) => ask({}, owner)));
    // What was: a step on its own, as somebody asks who looks at the past.
    const past = await Promise.all(
      (all[0]?.rows ?? [])
        .slice(0, 6)
        .map(({ time }) => ask({ from: time, to: time + 10, step: 10 })),
    );
    const told = await replay();
    const upTo = (seq: number) => told.filter(({ event }) => event.seq <= seq);
    for (const answer of [...all, ...past])
      assertCounted(answer.rows, countedRows(upTo(answer.seq), answer), answer);
    const isInLane = (queue: Queue) => queue.lane === "batch";
    const inLane = countedRows(upTo(lane.seq), lane, isInLane);
    assertCounted(lane.rows, inLane, lane);
    for (const [i, answer] of own.entries()) {
      const isMeant = ({ owner }: Queue) => owner === ["a", "b"][i];
      const counted = countedRows(upTo(answer.seq), answer, isMeant);
      assertCounted(answer.rows, counted, answer, false);
    }
  }

  test("agrees with the log while tasks run, when they have ended, after Redis was emptied, and built anew", async () => {
    await eventually(() => ask({}));
    await load(20);
    await assertAgrees();
    await load(60);
    await assertAgrees();
    await untilIdle();
    await assertAgrees();
    const { rows } = await ask({ step: 60 });
    const sum = (kind: "completed" | "cancelled" | "failed") =>
      rows.reduce((all, row) => all + row[kind], 0);
    for (const kind of ["completed", "failed"] as const)
      assert.ok(sum(kind) > 0, kind);

    await emptyRedis(stack.redis.port);
    await load(20);
    await eventually(() => ask({}));
    await assertAgrees();
    await untilIdle();
    await assertAgrees();

    await stack.kill("results");
    await load(10);
    await stack.restart("results");
    await eventually(() => assertAgrees().then(() => true));
    await untilIdle();

    await stack.kill("results");
    await rm(join(stack.dataDir, "index"), { recursive: true });
    await stack.restart("results");
    await eventually(() => ask({}));
    await assertAgrees();
  });

  test("keeps to what a key may see, and refuses what makes no sense", async () => {
    const refused = [
      ["a", "owner=b", 403],
      ["a", "owner=*", 403],
      ["a", "step=10", 400],
      ["a", "model=demo", 400],
      ["a", "lane=batch", 400],
      ["a", "by=model", 400],
      ["a", "histograms=true", 400],
      ["root", "owner=a&by=model", 400],
      ["root", "step=7", 400],
      ["root", "step=", 400],
      ["root", "from=now", 400],
      ["root", "from=-1", 400],
      ["root", "from=200&to=100", 400],
      ["root", "from=0&step=10", 400],
      ["root", "histograms=1", 400],
      ["root", "lane=fast", 400],
      ["root", "colour=red", 400],
    ] as const;
    for (const [owner, query, status] of refused) {
      const answer = await call(as(owner), `/statistics?${query}`);
      assert.equal(answer.status, status, `${query} as ${owner}`);
    }
    const mine = await ask({}, "a");
    const { from, to } = mine;
    assert.ok(mine.rows.some(({ accepted }) => accepted > 0));
    assert.ok(mine.rows.every((row) => row.wait === undefined));
    assert.deepEqual((await ask({ owner: "a", from, to })).rows, mine.rows);
    const nobody = await ask({ owner: "nobody" });
    assert.ok(nobody.rows.every(({ accepted }) => accepted === 0));
    const byModel = await ask({ by: "model", histograms: "true" });
    assert.ok(
      byModel.rows.some(
        ({ model, lane, wait }) =>
          model === "demo" && lane === "batch" && wait?.histogram,
      ),
    );
    const none = await ask({ model: "no such" });
    assert.ok(none.rows.every(({ accepted }) => accepted === 0));
  });
});

async function emptyRedis(port: number): Promise<void> {
  const socket = connect(port, "127.0.0.1");
  socket.write("FLUSHALL\r\n");
  await once(socket, "data");
  socket.destroy();
}
