/** The charts of the page Now in a real browser, against what `jetscribe replay` says. */
import { makeClient } from "@jetscribe/client";
import type { Queue, RecordedEvent } from "@jetscribe/schema";
import { eventually, startStack, type Stack } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, test } from "vitest";
import { runCli } from "../../packages/cli/test/cliTestKit.ts";
import {
  countedRows,
  type Told,
} from "../../services/results/test/statisticsTestKit.ts";
import {
  assertAccessible,
  findChromium,
  openPage,
  startChromium,
} from "./browser.ts";

const program = await findChromium();

interface Shown {
  /** The beginning of the step. */
  time: number;
  numbers: number[];
}

describe.skipIf(!program)("the charts", () => {
  let stack: Stack;
  let browser: Browser;
  const keys = { root: "key-of-root", a: "key-of-a" };
  const as = (owner: keyof typeof keys) =>
    makeClient({ url: stack.url, apiKey: keys[owner] });

  beforeAll(async () => {
    const env = {
      ...{ ENGINE: "fake", FAKE_MS: "40", FAKE_TOKENS: "8", SLOTS: "2" },
      API_KEYS: `root:${keys.root},a:${keys.a}`,
    };
    [stack, browser] = await Promise.all([
      startStack({ env }),
      startChromium(program!),
    ]);
  });
  afterAll(async () => {
    await browser?.close();
    await stack?.stop();
  });

  const open = (owner: keyof typeof keys, options = {}) =>
    openPage(browser, `${stack.url}/dashboard/#key=${keys[owner]}`, options);

  /** Tasks of both owners, some of which fail or are cancelled. */
  async function load(): Promise<void> {
    const ids: string[] = [];
    for (const owner of ["root", "a"] as const)
      for (let i = 0; i < 12; i++) {
        const body = { prompt: "hi", max_tokens: 8 };
        const late = i % 4 === 0 ? { timeout_ms: 1 } : {};
        const { task_id } = await as(owner).generate({ ...body, ...late });
        ids.push(task_id);
      }
    for (const id of ids.slice(-2))
      await as("a")
        .cancel(id)
        .catch(() => undefined);
    for (const id of ids.slice(0, 12)) await as("root").wait(id);
    for (const id of ids.slice(12)) await as("a").wait(id);
  }

  /** The table's rows: the step's beginning, and its numbers. */
  const tableIn = (page: Page) =>
    page.evaluate<Shown[]>(
      `[...document.querySelectorAll("[aria-label=Numbers] tbody tr")].map(
        (row) => ({
          time: Number(row.dataset.time),
          numbers: [...row.querySelectorAll("td")].slice(0, 8)
            .map(({ textContent }) => Number(textContent.replaceAll(",", ""))),
        }))`,
    );

  /** What the log holds, by the command line. */
  async function replay(): Promise<Told[]> {
    const { stdout } = await runCli(stack.natsUrl, "replay");
    return stdout
      .trimEnd()
      .split("\n")
      .map((line) => {
        const event = JSON.parse(line) as RecordedEvent & Queue;
        const { model, lane, owner } = event;
        return { event, queue: { model, lane, owner } };
      });
  }

  /** The table of the log, as far as it goes now, or up to a time. */
  async function countedIn(
    step: number,
    isMeant?: (of: Queue) => boolean,
    until = Infinity,
  ): Promise<Shown[]> {
    const told = await replay();
    const time = (at: number) => told.at(at)?.event.time ?? 0;
    const from = Math.floor(time(0) / step) * step;
    const to = Math.min(until, (Math.floor(time(-1) / step) + 1) * step);
    const rows = countedRows(told, { from, to, step }, isMeant).map((row) => ({
      time: row.time,
      numbers: [
        ...[row.accepted, row.completed, row.failed, row.cancelled],
        ...[row.prompt_tokens, row.completion_tokens],
        ...[row.waiting, row.running],
      ],
    }));
    return happened(rows).reverse();
  }

  /** A row of zeros is the first step's, which always has one. */
  const happened = (rows: Shown[]) =>
    rows.filter(({ numbers }) => numbers.slice(0, 6).some((n) => n > 0));

  const untilAgreed = (
    page: Page,
    step: number,
    isMeant?: (of: Queue) => boolean,
  ) =>
    eventually(async () => {
      const [shown, counted] = [
        happened(await tableIn(page)),
        await countedIn(step, isMeant),
      ];
      assert.deepEqual(shown, counted);
      return true;
    });

  test("begin full, go on live, and agree with the log in each range", async () => {
    await using opened = await open("root");
    const { page, complaints } = opened;
    await page.getByText("No task failed in this time.").waitFor();
    await page.getByText("As a table").click();
    await load();
    await untilAgreed(page, 10);
    await page.getByText("TimeoutError").first().waitFor();
    for (const [range, step] of [
      ["1 h", 60],
      ["24 h", 300],
    ] as const) {
      await page.getByRole("button", { name: range }).click();
      await untilAgreed(page, step);
    }
    await load();
    await untilAgreed(page, 300);
    await assertAccessible(page);

    await using full = await open("root");
    await full.page.getByText("As a table").click();
    await untilAgreed(full.page, 10);

    await using own = await open("a");
    await own.page.getByText("As a table").click();
    const isOwn = ({ owner }: Queue) => owner === "a";
    await untilAgreed(own.page, 60, isOwn);
    assert.equal(await own.page.getByText("Wait until the start").count(), 0);
    await load();
    await untilAgreed(own.page, 60, isOwn);
    await untilAgreed(full.page, 10);
    for (const { complaints } of [full, own]) assert.deepEqual(complaints, []);
    assert.deepEqual(complaints, []);
  });

  test("are right again after the results service was away", async () => {
    await using opened = await open("root");
    const { page } = opened;
    await page.getByText("As a table").click();
    await untilAgreed(page, 10);
    await stack.kill("results");
    await as("root").generate({ prompt: "hi" });
    await stack.restart("results");
    await load();
    await untilAgreed(page, 10);
  });

  test("of a moment of the past are those of the minutes that had ended, also with Redis emptied", async () => {
    const minuteOf = ({ event }: Told) => Math.floor(event.time / 60) * 60;
    const told = await eventually(async () => {
      await load();
      const told = await replay();
      const [first, last] = [told[0], told.at(-1)];
      return first && last && minuteOf(first) < minuteOf(last) && told;
    });
    const middle = told.find((one) => minuteOf(one) > minuteOf(told[0]!))!;
    for (const { event } of [middle, told.at(-1)!]) {
      const until = Math.floor(event.time / 60) * 60;
      await using opened = await open("root");
      const { page, complaints } = opened;
      await page.goto(`${stack.url}/dashboard/#/now?at=${event.seq}`);
      await page.getByText("As a table").click();
      await eventually(async () => {
        const counted = await countedIn(60, undefined, until);
        assert.ok(counted.length > 0);
        assert.deepEqual(happened(await tableIn(page)), counted);
        return true;
      });
      await assertAccessible(page);
      assert.deepEqual(complaints, []);
      await emptyRedis(stack.redis.port);
    }
  });

  test("fit a phone and dark colours", async () => {
    await using opened = await open("root", {
      viewport: { width: 390, height: 844 },
      colorScheme: "dark",
    });
    const { page } = opened;
    await page.getByText("Tasks ended").waitFor();
    await assertAccessible(page);
    const overflows = await page.evaluate<boolean>(
      `document.querySelector("main").scrollWidth > innerWidth`,
    );
    assert.equal(overflows, false);
  });
});

async function emptyRedis(port: number): Promise<void> {
  const socket = connect(port, "127.0.0.1");
  socket.write("FLUSHALL\r\n");
  await once(socket, "data");
  socket.destroy();
}
