/** Read-only links to the dashboard in a real browser: made, opened, and ended. */
import { makeClient } from "@jetscribe/client";
import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { test } from "vitest";
import {
  assertAccessible,
  describeDashboard,
  goTo,
  openPage,
} from "./browser.ts";

const env = { ENGINE: "fake", FAKE_MS: "1" };

await describeDashboard("a link to the dashboard", env, (dashboard) => {
  const { open, home, admin } = dashboard;
  const makeKey = (name: string, ...scopes: string[]) =>
    admin<{ key: string; id: string }>("POST", "/admin/keys", {
      ...{ name, scopes: scopes.length > 0 ? scopes : undefined },
    });
  /** A link, made by a call. */
  async function share(key: string, body: object = {}): Promise<string> {
    const answer = await fetch(`${dashboard.stack.url}/dashboard/links`, {
      method: "POST",
      headers: { "x-api-key": key, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    assert.equal(answer.status, 201);
    const { url } = (await answer.json()) as { url: string };
    return new URL(url, dashboard.stack.url).href;
  }
  /** A task that has ended. */
  async function makeTask(key: string): Promise<string> {
    const client = makeClient({ url: dashboard.stack.url, apiKey: key });
    const { task_id } = await client.generate({ prompt: "the prompt", max_tokens: 2 }); // prettier-ignore
    await client.wait(task_id);
    return task_id;
  }
  const button = (page: Page, name: string) =>
    page.getByRole("button", { name, exact: true });
  const ended = (page: Page) =>
    page.getByRole("heading", { name: "This link has ended" }).waitFor();

  test("is made by keyboard in the header, for the page that is open", async () => {
    const { key } = await makeKey("sharer");
    const id = await makeTask(key);
    await using maker = await open(`#/tasks/${id}`, { key });
    await button(maker.page, "Retry").waitFor();
    await button(maker.page, "Share…").focus();
    await maker.page.keyboard.press("Enter");
    await assertAccessible(maker.page);
    await maker.page.getByLabel("It works for").selectOption("an hour");
    await maker.page.getByLabel("with prompts and texts").press("Space");
    await button(maker.page, "Make the link").press("Enter");
    const shown = maker.page.getByLabel("The link").and(maker.page.locator("pre")); // prettier-ignore
    const url = (await shown.textContent()) ?? "";
    await assertAccessible(maker.page);
    const dialog = maker.page.getByRole("dialog");
    await dialog.getByRole("button", { name: "Copy" }).press("Enter");
    await dialog.getByText("Copied.").waitFor();
    await button(maker.page, "Done").press("Enter");
    await shown.waitFor({ state: "detached" });

    assert.ok(url.startsWith(`${home()}#link=`), url);
    await using opened = await openPage(dashboard.browser, url);
    await opened.page.getByRole("heading", { name: id }).waitFor();
    assert.equal(opened.page.url(), `${home()}#/tasks/${id}`);
    assert.deepEqual([...maker.complaints, ...opened.complaints], []);
  });

  test("shows its page to be read only, and its token stands in no address that is called", async () => {
    const { key } = await makeKey("shared");
    const id = await makeTask(key);
    const url = await share(key, { text: true });
    const token = url.slice(url.indexOf("=") + 1);
    assert.ok(token.length > 100, url);
    const seenUrls: string[] = [];
    await using opened = await openPage(dashboard.browser, home());
    const { page, complaints } = opened;
    page.on("request", (request) => seenUrls.push(request.url()));
    await page.goto(`${url}/tasks/${id}`);
    await page.reload();
    await page.getByRole("heading", { name: id }).waitFor();
    await page.getByLabel("prompt", { exact: true }).getByText("the prompt").waitFor(); // prettier-ignore
    const said = page.getByRole("region", { name: "Read-only link" });
    assert.match((await said.textContent()) ?? "", /the tasks of shared/);
    await assertAccessible(page);
    assert.equal(page.url(), `${home()}#/tasks/${id}`);
    assert.ok(!(await page.content()).includes(token));
    assert.ok(seenUrls.length > 5);
    for (const seen of seenUrls) assert.ok(!seen.includes(token), seen);
    for (const name of ["Retry", "Cancel", "Share…", "Sign out"])
      assert.equal(await button(page, name).count(), 0, name);

    await goTo(page, "#/tasks");
    await page
      .getByRole("row")
      .filter({ hasText: id.slice(-12) })
      .waitFor();
    assert.equal(await page.getByRole("button", { name: /all…/ }).count(), 0);
    const nav = page.getByRole("navigation");
    await nav.getByRole("link", { name: "Health" }).waitFor();
    for (const name of ["Keys", "Playground"]) {
      assert.equal(await nav.getByRole("link", { name }).count(), 0);
      await goTo(page, `#/${name.toLowerCase()}`);
      await page.getByText("This page is not part of a read-only link.").waitFor(); // prettier-ignore
    }
    await button(page, "Leave").click();
    await page.getByLabel("API key").waitFor();
    await page.reload();
    await page.getByLabel("API key").waitFor();
    assert.deepEqual(complaints, []);
  });

  test("on a phone shows all pages without what changes something", async () => {
    const { key } = await makeKey("phone");
    const id = await makeTask(key);
    const url = await share(key);
    const viewport = { width: 360, height: 640 };
    await using opened = await openPage(dashboard.browser, url, { viewport, hasTouch: true }); // prettier-ignore
    const { page, complaints } = opened;
    const has = "document.documentElement.scrollWidth <= 360";
    for (const [name, title] of [
      ["now", "Now"],
      ["tasks", "Tasks"],
      ["workers", "Workers"],
      ["health", "Health"],
      ["log", "Log"],
    ] as const) {
      await goTo(page, `#/${name}`);
      await page.getByRole("heading", { name: title, exact: true, level: 1 }).waitFor(); // prettier-ignore
      await page.getByText("Live", { exact: true }).waitFor();
      await page.getByText("without prompts and texts").waitFor();
      assert.ok(await page.evaluate(has), name);
    }
    await assertAccessible(page);
    await goTo(page, `#/tasks/${id}`);
    await page.getByText("the link lacks the scope").first().waitFor();
    assert.deepEqual(complaints, []);
  });

  test("of an administrator says that it shows every owner, and shows them", async () => {
    const { key } = await makeKey("other-owner");
    const id = await makeTask(key);
    const url = await share(dashboard.stack.key, { all_owners: true });
    await using opened = await openPage(
      dashboard.browser,
      `${url}/tasks?q=owner%3A*`,
    );
    const { page, complaints } = opened;
    await page.getByText("every owner, shared by default").waitFor();
    const row = page.getByRole("row").filter({ hasText: id.slice(-12) });
    await row.waitFor();
    await row.click();
    await page.getByText("It is another owner's task").waitFor();
    await page.getByText("The link shows no texts of another owner's").waitFor(); // prettier-ignore
    await goTo(page, "#/workers");
    await page.getByRole("heading", { name: "Lost workers" }).waitFor();
    assert.deepEqual(complaints, []);
  });

  test("that ends while it is open says so once, and a key can be given then", async () => {
    const { key, id } = await makeKey("ending");
    const url = await share(key);
    await using opened = await openPage(dashboard.browser, url);
    const { page, complaints } = opened;
    await page.getByText("Live", { exact: true }).waitFor();
    const calls: string[] = [];
    page.on("request", (request) => calls.push(request.url()));
    await admin("DELETE", `/admin/keys/${id}`);
    await ended(page);
    await assertAccessible(page);
    // Neither a loop of calls, nor the link again.
    assert.ok(calls.length < 10, calls.join("\n"));
    await button(page, "Sign in with a key").click();
    await page.getByLabel("API key").fill(dashboard.stack.key);
    await button(page, "Sign in").click();
    await button(page, "Share…").waitFor();
    await page.reload();
    await page.getByLabel("API key").waitFor();
    assert.deepEqual(complaints, []);
  });

  test("that has ended or is not whole says so when it is opened", async () => {
    const url = await share(dashboard.stack.key);
    for (const broken of [url.slice(0, -5), `${home()}#link=`, `${url}x`]) {
      await using opened = await openPage(dashboard.browser, broken);
      const { page, complaints } = opened;
      await ended(page);
      assert.equal(page.url(), `${home()}#/now`);
      assert.deepEqual(complaints, []);
    }
  });

  test("whose gateway can't be reached is tried again on demand", async () => {
    const url = await share(dashboard.stack.key);
    await using opened = await openPage(dashboard.browser, home());
    const { page } = opened;
    await page.route(/links\/self/, (route) => route.abort(), { times: 1 });
    await goTo(page, new URL(url).hash);
    await page.getByText("The gateway can't be reached.").waitFor();
    await button(page, "Try again").click();
    await page.getByText("Live", { exact: true }).waitFor();
  });
});
