/** The page Keys in a real browser. */
import { makeClient } from "@jetscribe/client";
import assert from "node:assert/strict";
import { test } from "vitest";
import { assertAccessible, describeDashboard } from "./browser.ts";

const env = { ENGINE: "fake", FAKE_MS: "400000", SLOTS: "1" };

await describeDashboard("the page Keys", env, (dashboard) => {
  const { open, admin } = dashboard;

  test("makes a key, shows it once, tells how much of its limits is used, and revokes it", async () => {
    await using opened = await open("#/keys");
    const { page, complaints } = opened;
    const table = page.getByRole("region", { name: "List of keys" });
    await table.getByText("API_KEYS").waitFor();
    await assertAccessible(page);

    await page.getByRole("button", { name: "Make a key…" }).click();
    await page.getByRole("textbox", { name: "Name" }).fill("team-a");
    await page.getByLabel("Unfinished tasks").fill("4");
    await page.getByLabel("Calls a minute").fill("60");
    await page.getByLabel("Tokens a day").fill("1000");
    await assertAccessible(page);
    await page.getByRole("button", { name: "Make", exact: true }).click();
    const shown = page.getByLabel("The new key").and(page.locator("pre"));
    await shown.waitFor();
    await assertAccessible(page);
    const key = (await shown.textContent()) ?? "";
    const client = makeClient({ url: dashboard.stack.url, apiKey: key });
    await client.generate({ prompt: "hi", max_tokens: 100 });
    await page.getByRole("button", { name: "Done" }).click();
    await shown.waitFor({ state: "detached" });
    assert.ok(!(await page.content()).includes(key));

    const row = table.getByRole("row").filter({ hasText: "team-a" });
    await row.getByText("1 of 4").waitFor();
    await row.getByText("1 of 60").waitFor();
    await row.getByText("101 of 1,000").waitFor();
    await assertAccessible(page);
    await page.getByLabel("Search keys").fill("no such");
    await page.getByText("No key is like this.").waitFor();
    await page.getByLabel("Search keys").fill("TEAM");

    await row.getByRole("button", { name: /^Change/ }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByText("does not expire.").waitFor();
    await assertAccessible(page);
    await dialog.getByLabel("Unfinished tasks").fill("7");
    await dialog.getByLabel("Calls a minute").fill("");
    await dialog.getByLabel("Expires in days").fill("30");
    await dialog.getByLabel("cancel").uncheck();
    await dialog.getByRole("button", { name: "Change" }).click();
    await row.getByText("1 of 7").waitFor();
    await row.getByText("calls in this minute").waitFor({ state: "detached" });
    await row.getByText("generate, read, read:text, metrics").waitFor();
    await row.getByText("101 of 1,000").waitFor();
    await row.getByRole("button", { name: /^Change/ }).click();
    await dialog.getByText("expires", { exact: false }).first().waitFor();
    await dialog.getByLabel("Does not expire").check();
    await dialog.getByRole("button", { name: "Change" }).click();
    await row.getByText("never").waitFor();

    await row.getByRole("button", { name: /^Revoke/ }).click();
    await assertAccessible(page);
    await page.getByRole("dialog").getByRole("button", { name: "Revoke" }).click(); // prettier-ignore
    await row.waitFor({ state: "detached" });
    const refused = client.generate({ prompt: "hi" });
    await assert.rejects(refused, { status: 401 });
    await page.getByLabel("also expired and revoked ones").check();
    await row.getByText("revoked").waitFor();
    assert.deepEqual(complaints, []);
  });

  test("a key without admin is told so, and a refusal of a form is shown", async () => {
    const body = { name: "viewer", scopes: ["read"] };
    const { key } = await admin<{ key: string }>("POST", "/admin/keys", body);
    await using viewer = await open("#/keys", { key });
    await viewer.page.getByText("This key may not manage keys.").waitFor();
    await assertAccessible(viewer.page);

    await using opened = await open("#/keys");
    const { page } = opened;
    await page.getByRole("button", { name: "Make a key…" }).click();
    await page.getByRole("textbox", { name: "Name" }).fill("viewer");
    await page.getByRole("button", { name: "Make", exact: true }).click();
    await page.getByRole("alert").waitFor();
    await assertAccessible(page);
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
  });
});
