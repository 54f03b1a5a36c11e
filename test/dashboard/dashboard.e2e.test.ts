/** The dashboard in a real browser, on a whole system with the demo model. */
import { eventually } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { test } from "vitest";
import { assertAccessible, describeDashboard, openPage } from "./browser.ts";

await describeDashboard("the dashboard", {}, (dashboard) => {
  const { open, client } = dashboard;
  const openTasks = async () => {
    const opened = await open();
    await opened.page.getByRole("link", { name: "Tasks", exact: true }).click();
    return opened;
  };

  /** Accepts prompts and waits for their outcomes; gives their ids. */
  async function generate(...requests: object[]): Promise<string[]> {
    const ids: string[] = [];
    for (const request of requests) {
      const body = { prompt: "hi", max_tokens: 4, ...request };
      const { task_id } = await client().generate(body);
      await client().wait(task_id);
      ids.push(task_id);
    }
    return ids;
  }
  const cellOf = (id = "") => `…${id.slice(-12)}`;

  test("asks for a key, refuses a wrong one, and keeps a right one in memory alone", async () => {
    await using opened = await openPage(
      dashboard.browser,
      `${dashboard.stack.url}/dashboard`,
    );
    const { page, complaints } = opened;
    assert.equal(page.url(), `${dashboard.stack.url}/dashboard/`);
    await assertAccessible(page);
    await page.getByLabel("API key").fill("jsk_wrong");
    await page.keyboard.press("Enter");
    await page.getByRole("alert").waitFor();
    await page.getByLabel("API key").fill(dashboard.stack.key);
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Workers" }).waitFor();
    const kept = await page.evaluate(
      "JSON.stringify([localStorage, sessionStorage, document.cookie])",
    );
    assert.ok(!String(kept).includes(dashboard.stack.key));
    await page.reload();
    await page.getByLabel("API key").waitFor();
    assert.deepEqual(complaints, []);
  });

  test("an address with a key signs in, and the key leaves the address", async () => {
    await using opened = await open();
    const { page } = opened;
    await page.getByRole("heading", { name: "Workers" }).waitFor();
    assert.equal(page.url(), `${dashboard.stack.url}/dashboard/#/now`);
  });

  test("lists tasks, and filters them by the address", async () => {
    const [first, second] = await generate(
      { user_id: "Ada L", metadata: { order: "A-1" } },
      { user_id: "grace", metadata: { order: "A-2" } },
    );
    await using opened = await openTasks();
    const { page, complaints } = opened;
    const grid = page.getByRole("grid", { name: "Tasks" });
    await grid.getByText(cellOf(first)).waitFor();
    await grid.getByText(cellOf(second)).waitFor();
    await assertAccessible(page);
    await page.keyboard.press("/");
    await page.keyboard.type('user:"Ada L" order=A-1');
    await page.waitForURL(/#\/tasks\?q=user%3A%22Ada\+L%22\+order%3DA-1$/);
    await grid.getByText(cellOf(second)).waitFor({ state: "detached" });
    await page.getByRole("button", { name: "failed" }).click();
    await page.getByText("No task has all of this.").waitFor();
    await page.getByRole("link", { name: "Show all tasks" }).click();
    await grid.getByText(cellOf(second)).waitFor();
    assert.deepEqual(complaints, []);
  });

  test("keeps a filter by a name, in this browser", async () => {
    await using opened = await openTasks();
    const { page, complaints } = opened;
    await page.getByRole("button", { name: "failed" }).click();
    const views = page.getByRole("button", { name: "Views…" });
    await views.click();
    await page.getByLabel("Name of the present filter").fill("What failed");
    await page.keyboard.press("Enter");
    await page.getByRole("link", { name: "What failed" }).waitFor();
    await assertAccessible(page);
    await page.keyboard.press("Escape");
    await page.goto(`${dashboard.home()}?again#key=${dashboard.stack.key}`);
    await page.getByRole("link", { name: "Tasks", exact: true }).click();
    await views.click();
    await page.getByRole("link", { name: "What failed" }).click();
    await page.waitForURL(/#\/tasks\?status=failed$/);
    await page.getByText("No task has all of this.").waitFor();
    await views.click();
    await page.getByRole("button", { name: "Remove What failed" }).click();
    await page.getByText("None yet.").waitFor();
    assert.deepEqual(complaints, []);
  });

  test("tells what happens by itself, also after the gateway was away", async () => {
    await using opened = await openTasks();
    const { page } = opened;
    const rowOf = (id = "") =>
      page.getByRole("row").filter({ hasText: cellOf(id) });
    await page.getByText("Live", { exact: true }).waitFor();
    const [first] = await generate({});
    await rowOf(first).getByText("completed").waitFor();
    await dashboard.stack.kill("gateway");
    await page.getByText("Reconnecting…").waitFor();
    await dashboard.stack.restart("gateway");
    await dashboard.stack.healthy();
    const [second] = await generate({});
    await rowOf(second).getByText("completed").waitFor();
    await rowOf(first).waitFor();
    await page.getByText("Live", { exact: true }).waitFor();
  });

  test("a prompt's words are never HTML", async () => {
    const user_id = "<img src=x onerror=alert(1)>";
    const [id] = await generate({ user_id });
    await using opened = await openTasks();
    const { page, complaints } = opened;
    await page.getByRole("row").filter({ hasText: cellOf(id) }).getByText(user_id).waitFor(); // prettier-ignore
    assert.deepEqual(complaints, []);
  });

  test("counts before it acts on all tasks of a filter", async () => {
    await generate({ metadata: { bulk: "a" } }, { metadata: { bulk: "a" } });
    await using opened = await openTasks();
    const { page } = opened;
    await page.getByLabel("Search tasks").fill("bulk=a");
    await page.getByRole("button", { name: "completed" }).click();
    await page.getByRole("button", { name: "Retry all…" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByText("2 tasks match now.").waitFor();
    await assertAccessible(page);
    await dialog.getByRole("button", { name: "Retry 2 tasks" }).click();
    await dialog.getByText("2 accepted.").waitFor();
    await eventually(async () => {
      const ids = await Array.fromAsync(client().tasks({ metadata: { bulk: "a" } })); // prettier-ignore
      return ids.length === 4;
    });
  });

  test("finds failed tasks by a part of their error, also those that fail later", async () => {
    const tooLong = { max_tokens: 30_000, metadata: { find: "error" } };
    const [failed, completed] = await generate(tooLong, {});
    await using opened = await openTasks();
    const { page, complaints } = opened;
    const grid = page.getByRole("grid", { name: "Tasks" });
    await grid.getByText(cellOf(completed)).waitFor();
    await page.getByLabel("Search tasks").fill('error:"THE context holds"');
    await grid.getByText(cellOf(completed)).waitFor({ state: "detached" });
    await grid.getByText(cellOf(failed)).waitFor();
    await grid
      .getByText(/max_tokens is 30000, together/)
      .first()
      .waitFor();
    const [later] = await generate(tooLong);
    await grid.getByText(cellOf(later)).waitFor();
    await assertAccessible(page);
    assert.ok(await page.getByRole("button", { name: "Cancel all…" }).isDisabled()); // prettier-ignore
    await page.getByRole("button", { name: "Retry all…" }).click();
    await page.getByRole("dialog").getByText("2 tasks match now.").waitFor();
    assert.deepEqual(complaints, []);
  });
});
