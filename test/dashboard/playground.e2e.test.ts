/** The playground in a real browser, with the demo model. */
import assert from "node:assert/strict";
import { test } from "vitest";
import { assertAccessible, describeDashboard } from "./browser.ts";

await describeDashboard("the playground", {}, (dashboard) => {
  async function open() {
    const opened = await dashboard.open();
    await opened.page.getByRole("link", { name: "Playground" }).click();
    return opened;
  }

  test("shows a model's answer, with its speed and its task", async () => {
    await using opened = await open();
    const { page, complaints } = opened;
    const prompt = page.getByLabel("Prompt");
    await prompt.fill("What is the capital of France?");
    await page.getByLabel("temperature").fill("0");
    await prompt.press("Control+Enter");
    await page.getByText("It is completed.").waitFor();
    await page.getByText("The capital of France is Paris.").waitFor();
    await page.getByText(/\d+ tokens, [\d.]+ tokens\/s/).waitFor();
    await assertAccessible(page);
    await page.getByRole("link", { name: "Its task" }).click();
    await page.getByText("GenerateCompleted").waitFor();
    await page.goBack();
    assert.match(await prompt.inputValue(), /capital of France/);
    assert.deepEqual(complaints, []);
  });

  test("a system message makes it a conversation, and a refusal is told", async () => {
    await using opened = await open();
    const { page } = opened;
    await page.getByLabel("System message").fill("Be short.");
    await page.getByLabel("Prompt").fill("hi");
    await page.getByLabel("max_tokens").fill("1");
    await page.getByRole("button", { name: "Generate" }).click();
    await page.getByText("It is completed.").waitFor();
    await page.getByText(/^1 token, /).waitFor();
    const client = dashboard.client();
    const [task] = await Array.fromAsync(client.tasks());
    const { events } = await client.events(task!.task_id);
    assert.ok(events[0]?.type === "GenerateRequested");
    assert.deepEqual(events[0].data.messages, [
      { role: "system", content: "Be short." },
      { role: "user", content: "hi" },
    ]);
    await page.getByLabel("max_tokens").fill("0");
    await page.getByRole("button", { name: "Generate" }).click();
    await page.getByRole("alert").getByText("max_tokens").waitFor();
  });
});
