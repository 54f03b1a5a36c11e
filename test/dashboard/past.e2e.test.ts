/** The dashboard at moments of the past, in a real browser. */
import { makeClient } from "@jetscribe/client";
import type { FeedEvent, LogResponse } from "@jetscribe/schema";
import { startStack, type Stack } from "@jetscribe/testing";
import assert from "node:assert/strict";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, test } from "vitest";
import {
  assertAccessible,
  findChromium,
  openPage,
  startChromium,
} from "./browser.ts";

const program = await findChromium();

describe.skipIf(!program)("the dashboard's past", () => {
  let stack: Stack;
  let browser: Browser;
  let ids: string[];
  const client = () => makeClient({ url: stack.url, apiKey: stack.key });

  beforeAll(async () => {
    [stack, browser] = await Promise.all([
      startStack({ env: { ENGINE: "fake", FAKE_MS: "1" } }),
      startChromium(program!),
    ]);
    ids = [await generate(), await generate(), await generate()];
  });
  afterAll(async () => {
    await browser?.close();
    await stack?.stop();
  });

  async function generate(): Promise<string> {
    const { task_id } = await client().generate({
      ...{ prompt: "hi", max_tokens: 4 },
    });
    await client().wait(task_id);
    return task_id;
  }

  async function seqOf(id: string, type: FeedEvent["type"]): Promise<number> {
    const headers = { "x-api-key": stack.key };
    const response = await fetch(`${stack.url}/log?limit=500`, { headers });
    const { events } = (await response.json()) as LogResponse;
    const found = events.find((one) => one.task_id === id && one.type === type);
    assert.ok(found, `${type} of ${id} is not in the log`);
    return found.seq;
  }

  async function openAt(hash: string) {
    const signedIn = `${stack.url}/dashboard/#key=${stack.key}`;
    const opened = await openPage(browser, signedIn);
    await opened.page.getByRole("heading", { name: "Workers" }).waitFor();
    await opened.page.evaluate(`location.hash = ${JSON.stringify(hash)}`);
    return opened;
  }

  const rowOf = (page: Page, id = "") =>
    page.getByRole("row").filter({ hasText: `…${id.slice(-12)}` });
  const moments = (page: Page) => page.getByRole("region", { name: "Moment" });

  test("a list is as it was, whatever happens meanwhile, and steps by one event", async () => {
    const [first, second, third] = ids;
    const seq = await seqOf(second!, "GenerateStarted");
    await using opened = await openAt(`#/tasks?at=${seq}`);
    const { page, complaints } = opened;
    await rowOf(page, second).getByText("processing").waitFor();
    await rowOf(page, first).getByText("completed").waitFor();
    await page.getByText(/^at \d\d:\d\d:\d\d$/).waitFor();
    await assertAccessible(page);
    assert.equal(await rowOf(page, third).count(), 0);
    for (const name of ["Cancel all…", "Retry all…"])
      assert.ok(await page.getByRole("button", { name }).isDisabled());
    const later = await generate();
    await page.getByRole("button", { name: "One event back" }).click();
    await rowOf(page, second).getByText("queued").waitFor();
    await page.waitForURL(`**/#/tasks?at=${seq - 1}`);
    await page.keyboard.press("]");
    await page.keyboard.press("]");
    await rowOf(page, second).getByText("completed").waitFor();
    assert.equal(await rowOf(page, later).count(), 0);
    await page.getByRole("button", { name: "Back to live" }).click();
    await rowOf(page, later).getByText("completed").waitFor();
    await page.getByText("Live", { exact: true }).waitFor();
    assert.deepEqual(complaints, []);
  });

  test("the first page tells what waited and ran, and what is live only", async () => {
    const seq = await seqOf(ids[1]!, "GenerateStarted");
    await using opened = await openAt(`#/now?at=${seq}`);
    const { page } = opened;
    const running = page.locator(".totals div", { hasText: "Running" });
    await running.getByText("1", { exact: true }).waitFor();
    await page.getByText("Live only: workers").waitFor();
    await assertAccessible(page);
    await page.getByRole("button", { name: "One event forward" }).click();
    await running.getByText("0", { exact: true }).waitFor();
    await page.getByRole("link", { name: "Tasks", exact: true }).click();
    await page.waitForURL(`**/#/tasks?at=${seq + 1}`);
    await rowOf(page, ids[1]).getByText("completed").waitFor();
    assert.equal(await rowOf(page, ids[2]).count(), 0);
    await page.getByRole("link", { name: "Workers" }).click();
    await page.getByText("no past", { exact: true }).waitFor();
    await page.getByText("Live", { exact: true }).waitFor();
    // Of these no feed tells.
    for (const name of ["Playground", "Keys"]) {
      await page.getByRole("link", { name }).click();
      await page.locator(".connection").waitFor({ state: "detached" });
    }
    await page.getByRole("link", { name: "Playground" }).click();
    await page.getByText("no past", { exact: true }).waitFor();
    assert.equal(await moments(page).count(), 0);
  });

  test("a task's page ends with the moment's event, and nothing can be done there", async () => {
    const [, second, third] = ids;
    const seq = await seqOf(second!, "GenerateStarted");
    await using opened = await openAt(`#/tasks/${second}?at=${seq}`);
    const { page } = opened;
    await page.getByText("Nothing can be done with it in the past.").waitFor();
    const events = page.locator(".events li");
    await events.nth(1).getByText("GenerateStarted").waitFor();
    assert.equal(await events.count(), 2);
    await page.locator("article header").getByText("processing").waitFor();
    assert.equal(await page.getByRole("button", { name: "Retry" }).count(), 0);
    await assertAccessible(page);
    await page.evaluate(`location.hash = "#/tasks/${third}?at=${seq}"`);
    await page.getByText("The log had no event of this task yet.").waitFor();
  });

  test("keys are as they were, and are neither made nor revoked there", async () => {
    const make = (name: string) =>
      fetch(`${stack.url}/admin/keys`, {
        method: "POST",
        headers: {
          "x-api-key": stack.key,
          "content-type": "application/json",
        },
        body: JSON.stringify({ name }),
      });
    assert.equal((await make("first-key")).status, 201);
    const seq = await seqOf(await generate(), "GenerateCompleted");
    assert.equal((await make("later-key")).status, 201);
    await using opened = await openAt("#/keys");
    const { page } = opened;
    await page.getByText("later-key").waitFor();
    await page.evaluate(`location.hash = "#/keys?at=${seq}"`);
    await page.getByText("later-key").waitFor({ state: "detached" });
    await page.getByText("first-key").waitFor();
    await page.getByText("live only", { exact: true }).first().waitFor();
    const maker = page.getByRole("button", { name: "Make a key…" });
    assert.ok(await maker.isDisabled());
    assert.equal(await page.getByRole("button", { name: /^Revoke/ }).count(), 0); // prettier-ignore
    await assertAccessible(page);
  });

  test("before the first event there is nothing", async () => {
    await using opened = await openAt("#/tasks?at=1");
    const { page } = opened;
    await rowOf(page, ids[0]).getByText("queued").waitFor();
    await page.keyboard.press("[");
    await page.waitForURL(/#\/tasks\?at=0$/);
    await page.getByText("No task has all of this.").waitFor();
  });

  test("the log is live, filtered by its address, and as it was", async () => {
    await using opened = await openAt("#/log?type=GenerateCompleted");
    const { page, complaints } = opened;
    await rowOf(page, ids[1]).waitFor();
    const later = await generate();
    await rowOf(page, later).waitFor();
    const table = page.getByRole("table", { name: "Events" });
    assert.equal(await table.getByText("GenerateStarted").count(), 0);
    await assertAccessible(page);
    await rowOf(page, later).getByRole("button").click();
    const dialog = page.getByRole("dialog");
    await dialog.getByText('"completion_tokens"').waitFor();
    await assertAccessible(page);
    await dialog.getByRole("button", { name: "Close" }).click();
    await page
      .getByRole("combobox", { name: /^Event/ })
      .selectOption("GenerateRequested");
    await page.waitForURL(/type=GenerateRequested/);
    const seq = await seqOf(ids[1]!, "GenerateRequested");
    await page.evaluate(`location.hash = "#/log?at=${seq}"`);
    await rowOf(page, ids[1]).getByText("GenerateRequested").waitFor();
    assert.equal(await rowOf(page, ids[1]).count(), 1);
    assert.equal(await rowOf(page, ids[0]).count(), 3);
    assert.equal(await rowOf(page, later).count(), 0);
    assert.deepEqual(complaints, []);
  });

  test("the slider goes to any time of the log, by keyboard too, also on a phone", async () => {
    await using opened = await openAt("#/tasks");
    const { page } = opened;
    await page.setViewportSize({ width: 360, height: 780 });
    await page.getByRole("button", { name: "Past" }).click();
    const slider = page.getByRole("slider", { name: "Moment of the log" });
    await slider.focus();
    await assertAccessible(page);
    await page.keyboard.press("Home");
    await page.waitForURL(/#\/tasks\?at=\d+$/);
    await page.getByText("No task has all of this.").waitFor();
    await page.keyboard.press("End");
    await rowOf(page, ids[2]).waitFor();
    const over = await page.evaluate<number>(
      "document.documentElement.scrollWidth - innerWidth",
    );
    assert.ok(over <= 0, `${over} pixels too wide`);
    await assertOneLine(page);
    await page.getByRole("button", { name: "Back to live" }).click();
    await page.waitForURL(/#\/tasks$/);
    await assertOneLine(page);
  });

  /** What the header has beside the pages, from the first to the last. */
  async function assertOneLine(page: Page): Promise<void> {
    const header = page.locator("header.bar");
    const first = await header.locator(".brand").boundingBox();
    const last = await header.getByRole("button", { name: "Sign out" }).boundingBox(); // prettier-ignore
    assert.ok(first && last && last.y < first.y + first.height);
  }
});
