/** The pages Workers and Health in a real browser, on a system whose parts are killed. */
import { eventually } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { test } from "vitest";
import { assertAccessible, describeDashboard } from "./browser.ts";

const env = { ENGINE: "fake", FAKE_MS: "1", SLOTS: "2" };

await describeDashboard("the pages of the system", env, (dashboard) => {
  const { open, admin } = dashboard;

  test("Workers shows what a worker is, and a killed one until it is dismissed", async () => {
    await using opened = await open("#/workers");
    const { page, complaints } = opened;
    const worker = page.getByRole("article");
    await worker.getByText("Last heartbeat").waitFor();
    const id = (await worker.getByRole("heading").textContent()) ?? "";
    await page.getByText("None.", { exact: true }).waitFor();
    await assertAccessible(page);

    await dashboard.stack.kill("inference");
    await page.getByText("No worker is heard.").waitFor();
    const row = page.getByRole("row").filter({ hasText: id });
    await row.waitFor();
    await assertAccessible(page);
    await dashboard.stack.restart("inference");
    await worker.getByText("Last heartbeat").waitFor();
    await row.getByRole("button", { name: `Dismiss ${id}` }).click();
    await row.waitFor({ state: "detached" });
    await page.reload();
    assert.deepEqual(complaints, []);
  });

  test("the link of the open page is in sight on a phone", async () => {
    const viewport = { width: 390, height: 844 };
    await using opened = await open("#/playground", { viewport });
    const link = opened.page.getByRole("link", { name: "Playground" });
    await eventually(async () => {
      const box = await link.boundingBox();
      return box !== null && box.x >= 0 && box.x + box.width <= viewport.width;
    });
  });

  test("a page scrolls under the header, and the document does not", async () => {
    await using opened = await open("#/now", { viewport: { width: 390, height: 400 } }); // prettier-ignore
    const { page } = opened;
    await page.getByText("free", { exact: true }).last().waitFor({ state: "attached" }); // prettier-ignore
    const height = await page.evaluate("document.documentElement.scrollHeight"); // prettier-ignore
    assert.equal(height, 400);
  });

  test("a key without admin can't dismiss a worker, and is told so", async () => {
    const body = { name: "viewer", scopes: ["read"] };
    const { key } = await admin<{ key: string }>("POST", "/admin/keys", body);
    await dashboard.stack.kill("inference");
    await dashboard.stack.restart("inference");
    await using opened = await open("#/workers", { key });
    const { page } = opened;
    await page.getByRole("button", { name: /^Dismiss/ }).first().click(); // prettier-ignore
    await page.getByRole("alert").getByText("admin").waitFor();
    await assertAccessible(page);
  });

  test("Health says that all is well, or what is wrong and what to do", async () => {
    await using opened = await open("#/health");
    const { page, complaints } = opened;
    const parts = page.getByRole("region", { name: "Parts" });
    await parts.getByText("has read the whole log").nth(1).waitFor();
    const room = page.getByRole("region", { name: "Room" });
    await room.getByText("stream EVENTS").waitFor();
    await room.getByText("disk of results").waitFor();
    await assertAccessible(page);
    await dashboard.stack.kill("logger");
    const alerts = page.getByRole("list", { name: "Alerts" });
    await alerts.getByText("logger is away.").waitFor();
    await alerts.getByText("docs/operations.md#health").first().waitFor();
    await page.getByRole("status").getByText("Degraded").waitFor();
    await assertAccessible(page);
    await dashboard.stack.restart("logger");
    const logger = alerts.getByText("logger is away.");
    await eventually(async () => (await logger.count()) === 0);
    assert.deepEqual(complaints, []);
  });
});
