/** The page of one task in a real browser; the engine is the fake one, which writes as slowly as a test needs it. */
import { makeClient } from "@jetscribe/client";
import { eventually } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { test } from "vitest";
import { assertAccessible, describeDashboard, goTo } from "./browser.ts";

/** An element of the page: the types of browsers are not here. */
interface Scrolled {
  scrollTop: number;
  scrollHeight: number;
}

/** A token takes 1.25 s, and no text ends by itself that a test looks at while it is written. */
const env = {
  ENGINE: "fake",
  FAKE_MS: "400000",
  FAKE_TOKENS: "320",
  SLOTS: "1",
};

await describeDashboard("the page of a task", env, (dashboard) => {
  const { client, open, admin } = dashboard;

  async function openTask(id: string) {
    const opened = await open(`#/tasks/${id}`);
    await opened.page.getByRole("heading", { name: id }).waitFor();
    return opened;
  }
  const accept = async (body: object) =>
    (await client().generate({ prompt: "hi", ...body })).task_id;

  test("tells why a task waits, shows its text while it is written, and cancels it", async () => {
    const [first, second] = [await accept({}), await accept({})];
    await using opened = await openTask(second);
    const { page, complaints } = opened;
    await page.getByText("It is the next one to start.").waitFor();
    await page.getByText("1 worker of its model, with 1 slot").waitFor();
    await assertAccessible(page);
    await client().cancel(first);
    const text = page.getByLabel("Text so far");
    await text.waitFor();
    const before = (await text.textContent()) ?? "";
    await eventually(
      async () => ((await text.textContent()) ?? "").length > before.length,
    );
    // Pieces of text that come are no readings of their own.
    const { text_reads = [] } = await client().events(second);
    const parts = text_reads.map(({ parts }) => parts.join());
    assert.deepEqual(parts.toSorted(), ["prompt", "result"]);
    await page.getByRole("button", { name: "Cancel" }).click();
    await page.getByText("by default, while processing").waitFor();
    assert.equal((await client().result(second)).status, "cancelled");
    assert.deepEqual(complaints, []);
  });

  test("tells that a task waits for the time that it was asked for, and not for a worker", async () => {
    const id = await accept({ not_before: Date.now() / 1_000 + 3_600 });
    await using opened = await open();
    const { page, complaints } = opened;
    const health = page.waitForResponse(`${dashboard.stack.url}/health`);
    await goTo(page, `#/tasks/${id}`);
    const why = page.getByRole("status").filter({ hasText: "Why it waits" });
    await why.getByText("It is not to start before").waitFor();
    // The page knows the workers from this answer, and shows them a frame later.
    await (await health).finished();
    await page.evaluate(
      "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))",
    );
    assert.equal(await why.getByText("worker").count(), 0);
    await client().cancel(id);
    assert.deepEqual(complaints, []);
  });

  test("shows where the time went, the events, and the chain of retries", async () => {
    const id = await accept({ max_tokens: 2, user_id: "ada" });
    await client().wait(id);
    await using opened = await openTask(id);
    const { page, complaints } = opened;
    for (const part of ["gateway", "queue", "prompt", "generation"])
      await page.locator(".parts li").filter({ hasText: part }).waitFor();
    await page.getByText("GenerateCompleted").click();
    await page.getByText('"finish_reason": "length"').waitFor();
    await assertAccessible(page);
    await page.getByRole("button", { name: "Retry" }).click();
    await page.getByText("Retry of").waitFor();
    await page.getByRole("link", { name: `…${id.slice(-12)}` }).click();
    await page.getByRole("heading", { name: id }).waitFor();
    assert.deepEqual(complaints, []);
  });

  test("opens a text of megabytes piece by piece", async () => {
    const line = "a line of a long letter\n";
    const prompt = line.repeat(6_000_000 / line.length);
    const id = await accept({ prompt, max_tokens: 1 });
    await client().wait(id);
    await using opened = await openTask(id);
    const { page, complaints } = opened;
    const text = page.getByRole("region", { name: "prompt" });
    await text.waitFor();
    const pieces = () => text.locator(".piece").count();
    const before = await pieces();
    assert.ok(before < 100);
    await eventually(async () => {
      await text.evaluate((box: Scrolled) => {
        box.scrollTop = box.scrollHeight;
      });
      return (await pieces()) > before;
    });
    await page.getByText("6.0 MB").waitFor();
    assert.deepEqual(complaints, []);
  });

  test("shows which keys opened the texts", async () => {
    const id = await accept({ max_tokens: 2, prompt: "an own prompt" });
    await client().wait(id);
    await using opened = await openTask(id);
    const { page, complaints } = opened;
    const reads = page.getByRole("listitem").filter({ hasText: "opened by" });
    const own = "Prompt and result opened by the key default (env:default) in the dashboard"; // prettier-ignore
    await reads.filter({ hasText: own }).waitFor();
    await assertAccessible(page);
    const body = { name: "default", rotate: true, scopes: ["read", "read:text"] }; // prettier-ignore
    const { key } = await admin<{ key: string }>("POST", "/admin/keys", body);
    await using other = await open(`#/tasks/${id}`, { key });
    await other.page.getByText("opened by the key default").nth(1).waitFor();
    assert.deepEqual(complaints, []);
  });

  test("opens another owner's texts when it is asked to, and their owner sees who did", async () => {
    const scopes = ["generate", "read", "read:text"];
    const { key } = await admin<{ key: string }>("POST", "/admin/keys", { name: "team-c", scopes }); // prettier-ignore
    const other = makeClient({ url: dashboard.stack.url, apiKey: key });
    const request = { prompt: "a prompt of team-c", max_tokens: 2 };
    const { task_id } = await other.generate(request);
    await other.wait(task_id);
    await using opened = await open(`#/tasks/${task_id}?owner=team-c`);
    const { page, complaints } = opened;
    const button = page.getByRole("button", { name: "Open the texts" });
    await button.waitFor();
    assert.ok(!(await page.content()).includes(request.prompt));
    assert.equal((await other.events(task_id)).text_reads, undefined);
    await assertAccessible(page);
    await button.click();
    await page.getByRole("region", { name: "prompt" }).waitFor();
    assert.ok((await page.content()).includes(request.prompt));
    await using owners = await open(`#/tasks/${task_id}`, { key });
    const told = "Prompt and result opened by the key default (env:default) in the dashboard"; // prettier-ignore
    await owners.page.getByText(told).waitFor();
    assert.deepEqual(complaints, []);
  });

  test("a key without read:text sees no text, and a task that is not there is said so", async () => {
    const id = await accept({ max_tokens: 2, prompt: "a secret prompt" });
    await client().wait(id);
    const body = { name: "default", rotate: true, scopes: ["read"] };
    const { key } = await admin<{ key: string }>("POST", "/admin/keys", body);
    await using opened = await open(`#/tasks/${id}`, { key });
    const { page } = opened;
    await page.getByText("The prompt is not shown").waitFor();
    const html = await page.content();
    assert.ok(!html.includes("a secret prompt"));
    const none = "01a226c2-f180-7000-9d71-d33f95aa0221";
    await goTo(page, `#/tasks/${none}`);
    await page.getByRole("alert").waitFor();
    await assertAccessible(page);
  });
});
