/** The page Now in a real browser; the engine is the fake one, which writes as slowly as a test needs it. */
import { eventually } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { test } from "vitest";
import { assertAccessible, describeDashboard } from "./browser.ts";

const env = {
  ...{ ENGINE: "fake", FAKE_MS: "400000", FAKE_TOKENS: "320" },
  SLOTS: "2",
};

await describeDashboard("the page Now", env, (dashboard) => {
  const { open, client } = dashboard;

  test("shows queues, what each slot holds, and failures, as they change", async () => {
    await using opened = await open();
    const { page, complaints } = opened;
    const slots = page.getByRole("list", { name: "Slots" });
    await slots.getByText("free").nth(1).waitFor();
    const ids: string[] = [];
    for (let i = 0; i < 4; i++)
      ids.push((await client().generate({ prompt: "hi" })).task_id);
    const endOf = (id = "") => `…${id.slice(-7)}`;
    await slots.getByText(endOf(ids[0])).waitFor();
    await slots.getByText("writes").nth(1).waitFor();
    const queue = page.getByRole("row", { name: /demo interactive 2/ });
    await queue.waitFor();
    await assertAccessible(page);

    await client().cancel(ids[0]!);
    await slots.getByText(endOf(ids[0])).waitFor({ state: "detached" });
    await slots.getByText(endOf(ids[2])).waitFor();
    const short = { prompt: "hi", start_timeout_ms: 1 };
    const { task_id } = await client().generate(short);
    const failures = page.getByRole("region", { name: "Failures" });
    await failures.getByText("ExpiredError").waitFor();
    await failures.getByText(`…${task_id.slice(-12)}`).waitFor();
    await page.getByText(/half of the latest \d+ estimated waits/).waitFor();
    assert.deepEqual(complaints, []);
  });

  test("counts a task for later in its totals as in its charts", async () => {
    const not_before = Date.now() / 1_000 + 3_600;
    const { task_id } = await client().generate({ prompt: "hi", not_before });
    await using opened = await open();
    const { page } = opened;
    await page.getByText("1 for later").first().waitFor();
    const total = page.locator(".totals div", { hasText: "Waiting" });
    const ofChart = page.locator(".chart li", { hasText: /^\s*waiting/ });
    const numberIn = async (place: typeof total) =>
      /\d+/.exec(await place.innerText())?.[0];
    await eventually(async () => (await numberIn(ofChart)) !== "0");
    await eventually(
      async () => (await numberIn(total)) === (await numberIn(ofChart)),
    );
    await client().cancel(task_id);
    await page.getByText("for later").first().waitFor({ state: "detached" });
  });

  test("says what is wrong, and what to do", async () => {
    await using opened = await open();
    const { page } = opened;
    await page.getByRole("list", { name: "Slots" }).waitFor();
    await dashboard.stack.kill("logger");
    await page.getByText("logger is away.").waitFor();
    await dashboard.stack.restart("logger");
    await page.getByText("logger is away.").waitFor({ state: "detached" });
    await dashboard.stack.kill("inference");
    await page.getByText("No worker is heard.").waitFor();
    await assertAccessible(page);
  });
});
