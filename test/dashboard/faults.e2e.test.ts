/** What goes wrong in an open page: keys that are not taken, calls that fail, a browser that lacks something. */
import { makeClient } from "@jetscribe/client";
import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { describe, test } from "vitest";
import { describeDashboard, goTo, openPage } from "./browser.ts";

const env = { ENGINE: "fake", FAKE_MS: "1" };

await describeDashboard("the dashboard under faults", env, (dashboard) => {
  const { open, home, admin } = dashboard;

  const workers = (page: Page) => page.getByRole("heading", { name: "Workers" }).waitFor(); // prettier-ignore

  test("an address with a key signs in where the page is open already, and leaves no step back", async () => {
    await using opened = await openPage(dashboard.browser, home());
    const { page, complaints } = opened;
    await page.getByLabel("API key").waitFor();
    await goTo(page, `#key=${dashboard.stack.key}`);
    await workers(page);
    assert.equal(page.url(), `${home()}#/now`);
    await page.goBack();
    assert.ok(!page.url().includes(dashboard.stack.key));
    assert.deepEqual(complaints, []);
  });

  test("a key in the address that is none is asked for again", async () => {
    for (const key of ["jsk_wrong", "%E0"]) {
      await using opened = await open(undefined, { key });
      const { page, complaints } = opened;
      await page.getByLabel("API key").waitFor();
      await page.getByRole("alert").waitFor();
      assert.equal(page.url(), `${home()}#/now`);
      assert.deepEqual(complaints, []);
    }
  });

  test("a key that is revoked while the page is open is asked for again", async () => {
    const { key, id } = await admin<{ key: string; id: string }>("POST", "/admin/keys", { name: "default", rotate: true, scopes: ["read"] }); // prettier-ignore
    await using opened = await open(undefined, { key });
    const { page } = opened;
    await workers(page);
    await admin("DELETE", `/admin/keys/${id}`);
    await page.getByLabel("API key").waitFor();
    await page.getByRole("alert").waitFor();
  });

  test("a key that may not read is told so, and the page doesn't wait for anything", async () => {
    const { key } = await admin<{ key: string }>("POST", "/admin/keys", { name: "writer", scopes: ["generate"] }); // prettier-ignore
    await using opened = await open(undefined, { key });
    const { page } = opened;
    await page.getByRole("alert").getByText("read").waitFor();
    await page.getByText("Not connected").waitFor();
  });

  describe("the list", () => {
    /** A task of the list, as the feed has it. */
    const listed = (n: number) => ({
      ...{ task_id: idOf(n), status: "queued", model: "demo" },
      ...{ lane: "interactive", attempt: 0, requested_at: 1_795_900_000 },
    });
    const idOf = (n: number) =>
      `01a226c2-f180-7000-9d71-${String(n).padStart(12, "0")}`;
    const requested = (n: number) => ({
      ...{ seq: n, time: 1_795_900_000, type: "GenerateRequested" },
      ...{ task_id: idOf(n), model: "demo", lane: "interactive" },
    });
    const range = (first: number, last: number) =>
      Array.from({ length: last - first + 1 }, (_, i) => first + i);
    const frame = (event: string, seq: number, data: object) =>
      `id: ${seq}\nevent: ${event}\ndata: ${JSON.stringify({ view: "tasks", seq, ...data })}\n\n`;
    const snapshot = (...ns: number[]) =>
      frame("snapshot", 1, { tasks: ns.map(listed) });
    const events = (ns: number[]) =>
      frame("events", ns.at(-1) ?? 0, { events: ns.map(requested) });

    /** The page of tasks, with these bodies of its event stream, one after the other; the last one again and again. */
    async function openList(...bodies: string[]) {
      const opened = await open();
      await workers(opened.page);
      await opened.page.route(/feed\?.*view=tasks/, (route) =>
        route.fulfill({
          contentType: "text/event-stream",
          body: (bodies.length > 1 ? bodies.shift() : bodies[0]) ?? "",
        }),
      );
      return opened;
    }
    const rowOf = (page: Page, n: number) =>
      page.getByRole("row").filter({ hasText: idOf(n).slice(-12) });

    test("goes on after a call that failed while it was read anew", async () => {
      const all = range(1, 101);
      const delta = frame("delta", 102, { tasks: [listed(102)], gone: [] });
      const first = snapshot(...all) + delta + events([103]);
      await using opened = await openList(first, snapshot(7));
      const { page, complaints } = opened;
      await page.route(/\/tasks\?/, (route) => route.abort());
      await goTo(page, "#/tasks");
      await rowOf(page, 7).waitFor();
      await rowOf(page, 103).waitFor({ state: "detached" });
      assert.deepEqual(complaints, []);
    });

    test("lets go of old rows, however many tasks come", async () => {
      const many = events(range(2, 10_500)) + events([10_501]);
      const last = frame("events", 10_502, { events: [requested(10_502)] });
      await using opened = await openList(snapshot(1) + many, last);
      const { page, complaints } = opened;
      const list = page.route(/\/tasks\?/, (route) =>
        route.fulfill({ json: { tasks: [listed(10_501)] } }),
      );
      await list;
      await goTo(page, "#/tasks");
      await rowOf(page, 10_502).waitFor();
      await page.getByText("2 tasks", { exact: true }).waitFor();
      assert.deepEqual(complaints, []);
    });

    test("what was typed just before a task is opened doesn't close it", async () => {
      await using opened = await openList(snapshot(1));
      const { page } = opened;
      await goTo(page, "#/tasks");
      await rowOf(page, 1).waitFor();
      await page.getByLabel("Search tasks").fill("x");
      await goTo(page, `#/tasks/${idOf(1)}`);
      await page.getByRole("heading", { name: idOf(1) }).waitFor();
      // A timer that was set later comes later.
      await page.evaluate("new Promise((then) => setTimeout(then, 400))");
      assert.equal(page.url(), `${home()}#/tasks/${idOf(1)}`);
      // Nor where the timer comes between a new address and the word of it.
      await page.goBack();
      await page.getByLabel("Search tasks").fill("y");
      const busy = "for (const end = Date.now() + 300; Date.now() < end;);";
      await page.evaluate(`${busy} location.hash = "#/tasks/${idOf(1)}"`);
      await page.getByRole("heading", { name: idOf(1) }).waitFor();
    });

    test("a filter that has no value yet hides nothing", async () => {
      await using opened = await openList(snapshot(1));
      const { page } = opened;
      await goTo(page, "#/tasks");
      await rowOf(page, 1).waitFor();
      await page.getByRole("button", { name: "user:" }).click();
      await page.evaluate("new Promise((then) => setTimeout(then, 400))");
      await rowOf(page, 1).waitFor();
      await page.keyboard.type("ada");
      await page.waitForURL(/q=user%3Aada$/);
    });
  });

  test("a text is copied where the browser has no clipboard, as on a page without TLS", async () => {
    const client = dashboard.client();
    const { task_id } = await client.generate({ prompt: "copied", max_tokens: 2 }); // prettier-ignore
    await client.wait(task_id);
    await using opened = await openPage(dashboard.browser, home());
    const { page, complaints } = opened;
    await page.addInitScript("Object.defineProperty(navigator, 'clipboard', { value: undefined })"); // prettier-ignore
    await page.reload();
    await goTo(page, `#key=${dashboard.stack.key}`);
    await workers(page);
    await goTo(page, `#/tasks/${task_id}`);
    await page.getByRole("button", { name: "Copy as curl" }).click();
    await page.getByText("Copied: the key is to be set as $KEY.").waitFor();
    const texts = page.getByRole("button", { name: "Copy", exact: true });
    await texts.first().click();
    await page.getByRole("button", { name: "Copied" }).waitFor();
    assert.deepEqual(complaints, []);
  });

  test("rates go down where nothing happens any more", async () => {
    await using opened = await openPage(dashboard.browser, home());
    const { page, complaints } = opened;
    const health: unknown = await (
      await fetch(`${dashboard.stack.url}/health`)
    ).json();
    const none = {
      rows: [],
      workers: [],
      failures: [],
      lost: [],
      streams: [],
      health,
    };
    const counts = { requested: 10, started: 0, retried: 0, completed: 0, failed: 0, cancelled: 0 }; // prettier-ignore
    const told: [string, object][] = [
      ["snapshot", { view: "now", seq: 1, ...none }],
      ["delta", { seq: 2, ...none, gone: [], counts }],
    ];
    const frames = told.map(([event, data], i) => `id: ${i}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`); // prettier-ignore
    const bodies = [frames.join("")];
    await page.route(/feed\?view=now/, (route) =>
      route.fulfill({
        contentType: "text/event-stream",
        body: bodies.pop() ?? "",
      }),
    );
    await page.clock.install();
    await page.reload();
    await goTo(page, `#key=${dashboard.stack.key}`);
    await workers(page);
    const rate = page.locator("dl.totals > div").filter({ hasText: "Accepted/s" }); // prettier-ignore
    await rate.getByText("1.0").waitFor();
    await page.clock.runFor(12_000);
    await rate.getByText("0.0").waitFor();
    assert.deepEqual(complaints, []);
  });

  test("an admin sees another owner's tasks, and opens them", async () => {
    const { key } = await admin<{ key: string }>("POST", "/admin/keys", { name: "team-b", scopes: ["generate", "read"] }); // prettier-ignore
    const other = makeClient({ url: dashboard.stack.url, apiKey: key });
    const body = { prompt: "of team-b", max_tokens: 2 };
    const { task_id } = await other.generate(body);
    await other.wait(task_id);
    for (const owner of ["team-b", "*"]) {
      await using opened = await open();
      const { page, complaints } = opened;
      await workers(page);
      await goTo(page, `#/tasks?q=owner:${owner}`);
      const row = page.getByRole("row").filter({ hasText: task_id.slice(-12) });
      await row.getByRole("link").click();
      await page.getByText("GenerateCompleted").waitFor();
      await page.getByRole("button", { name: "Open the texts" }).waitFor();
      await page.getByText("It is another owner's task").waitFor();
      assert.equal(await page.getByRole("alert").count(), 0);
      assert.equal(page.url(), `${home()}#/tasks/${task_id}?owner=team-b`);
      assert.deepEqual(complaints, []);
    }
  });

  test("signing out leaves nothing of what was typed", async () => {
    await using opened = await open();
    const { page } = opened;
    await page.getByRole("link", { name: "Playground" }).click();
    await page.getByLabel("Prompt").fill("a secret");
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByLabel("API key").fill(dashboard.stack.key);
    await page.keyboard.press("Enter");
    await page.getByRole("link", { name: "Playground" }).click();
    assert.equal(await page.getByLabel("Prompt").inputValue(), "");
  });
});
