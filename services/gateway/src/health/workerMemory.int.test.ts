/** Workers that fell silent, as two gateways show them. */
import { eventually, startStack, type Stack } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "vitest";
import { openPage } from "../../test/feedTestKit.ts";

describe("lost workers", () => {
  let stack: Stack;
  beforeAll(async () => {
    stack = await startStack({
      services: ["gateway", "gateway-2", "inference", "results", "logger"],
      env: { ENGINE: "fake", API_KEYS: "root:key-of-root,a:key-of-a" },
    });
  });
  afterAll(() => stack.stop());

  const dismiss = async (id: string, key = "key-of-root", at = stack.url) => {
    const path = `/workers/${encodeURIComponent(id)}`;
    const headers = { "x-api-key": key };
    const response = await fetch(at + path, { method: "DELETE", headers });
    await response.body?.cancel();
    return response.status;
  };

  async function open(url = stack.url) {
    const page = await openPage({ url, key: "key-of-a" }, "view=now");
    await eventually(() => page.now() !== undefined);
    const lost = () => page.now()?.lost.map(({ worker_id }) => worker_id) ?? [];
    const heard = () =>
      page.now()?.workers.map(({ worker_id }) => worker_id) ?? [];
    return { page, lost, heard };
  }

  test("a killed worker is shown until it is dismissed, on all gateways and after their restart; one that says goodbye is not, whoever hears it", async () => {
    const first = await open();
    await eventually(() => first.heard().length === 1);
    const [killed = ""] = first.heard();
    assert.deepEqual(first.lost(), []);
    assert.equal(await dismiss(killed), 404);
    assert.ok((first.page.now()?.workers[0]?.started_at ?? 0) > 1.7e9);

    await stack.kill("inference");
    await stack.restart("inference");
    await eventually(() => first.lost().includes(killed));
    await eventually(() => first.heard().length === 1);
    const [stopped = ""] = first.heard();
    assert.notEqual(stopped, killed);
    await stack.kill("inference", "SIGTERM");
    await eventually(() => first.heard().length === 0);
    await stack.restart("inference");
    await eventually(() => first.heard().length === 1);
    first.page.close();

    // A system that stops as a whole: nobody hears the goodbye.
    const gateways = ["gateway", "gateway-2"] as const;
    for (const gateway of gateways) await stack.kill(gateway);
    await stack.kill("inference", "SIGTERM");
    for (const gateway of gateways) await stack.restart(gateway);
    await stack.restart("inference");
    await stack.healthy();
    await eventually(async () => (await fetch(`${stack.url2}/readyz`)).ok);
    const [again, other] = [await open(), await open(stack.url2)];
    await eventually(() => {
      for (const { lost } of [again, other]) assert.deepEqual(lost(), [killed]);
      return true;
    });
    assert.ok((again.page.now()?.lost[0]?.last_heard_at ?? 0) > 1.7e9);
    assert.equal(await dismiss(killed, "key-of-a"), 403);
    assert.equal(await dismiss(killed, "key-of-root", stack.url2), 200);
    await eventually(() => again.lost().length + other.lost().length === 0);
    assert.equal(await dismiss(killed), 404);
    assert.equal(await dismiss(again.heard()[0] ?? ""), 404);
    const rooms = again.page.now()?.streams ?? [];
    const roomOf = (name: string) => rooms.find((one) => one.name === name);
    const [events, logs] = [roomOf("EVENTS"), roomOf("LOGS")];
    assert.deepEqual([events?.refuses, logs?.refuses], [true, false]);
    assert.ok(logs && logs.bytes > 0 && logs.max_bytes > logs.bytes);
    const { projections = [] } = again.page.now()?.health ?? {};
    assert.ok(projections.every(({ disk }) => (disk?.free ?? 0) > 0));
    for (const { page } of [again, other]) page.close();
  });
});
