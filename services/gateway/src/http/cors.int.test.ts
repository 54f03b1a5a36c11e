/** Pages of other origins, as browsers ask for them. */
import assert from "node:assert/strict";
import { describe, test } from "vitest";
import { hi, json, send, startApp } from "../../test/appTestKit.ts";

describe("CORS_ORIGINS", () => {
  const origin = "https://page.example";
  const preflight = {
    ...{ origin, "access-control-request-method": "POST" },
    "access-control-request-headers": "x-api-key,content-type,prefer",
  };

  test("unset: no page of another origin may call", async () => {
    await using app = await startApp();
    for (const [method, headers] of [
      ["GET", { origin }],
      ["OPTIONS", preflight],
    ] as const) {
      const answer = await send(app, method, "/generate", { headers });
      assert.equal(answer.status, 405);
      assert.equal(answer.headers["access-control-allow-origin"], undefined);
    }
  });

  for (const [corsOrigins, given] of [
    ["*", "*"],
    [[origin, "https://other.example"], origin],
  ] as const)
    test(`${String(corsOrigins)}: a page may ask, post, stream and read why it was refused`, async () => {
      await using app = await startApp({ corsOrigins });
      const allowed = await send(app, "OPTIONS", "/generate", {
        headers: preflight,
      });
      assert.equal(allowed.status, 204);
      assert.match(
        String(allowed.headers["access-control-allow-methods"]),
        /POST/,
      );
      assert.match(
        String(allowed.headers["access-control-allow-headers"]),
        /x-api-key/,
      );
      const { task_id } = app.running;
      const calls: [string, string, object, number][] = [
        ["POST", "/generate", json, 202],
        ["POST", "/generate", { ...json, "x-api-key": "wrong" }, 401],
        ["GET", `/stream/${task_id}`, {}, 200],
        ["GET", "/nope", {}, 404],
        ["GET", "/generate", {}, 405],
      ];
      for (const [method, path, more, status] of calls) {
        const body = method === "POST" ? { body: hi } : {};
        const answer = await send(app, method, path, {
          ...body,
          headers: { origin, ...more },
        });
        assert.equal(answer.status, status);
        assert.equal(answer.headers["access-control-allow-origin"], given);
        assert.match(
          String(answer.headers["access-control-expose-headers"]),
          // OpenAI's client repeats what it may not, where it can't read the last one.
          /Location.*X-Should-Retry/,
        );
      }
    });

  test("a list: not a page of an origin that is not in it", async () => {
    await using app = await startApp({ corsOrigins: [origin] });
    for (const other of [
      "https://page.example.evil",
      "http://page.example",
      "null",
    ]) {
      const headers = { ...preflight, origin: other };
      const answer = await send(app, "OPTIONS", "/generate", { headers });
      assert.equal(answer.headers["access-control-allow-origin"], undefined);
    }
  });
});
