/** The gateway behind a path of a proxy, with and without the prefix in what comes. */
import assert from "node:assert/strict";
import { describe, test } from "vitest";
import { hi, json, send, startApp } from "../../test/appTestKit.ts";

describe("PUBLIC_PATH", () => {
  test("is in what is answered, and may be in what is asked", async () => {
    await using app = await startApp({ publicPath: "/llm" });
    for (const path of ["/llm/generate", "/generate", "/llm/generate/"]) {
      const answer = await send(app, "POST", path, { headers: json, body: hi });
      assert.equal(answer.status, 202, path);
      assert.equal(
        answer.headers.location,
        `/llm/result/${app.running.task_id}`,
      );
      const { status } = await send(app, "GET", answer.headers.location ?? "");
      assert.equal(status, 202);
      const { links } = JSON.parse(answer.body) as { links: object };
      for (const [name, link] of Object.entries(links) as [string, string][]) {
        const id = app.running.task_id;
        const path = name === "events" ? `tasks/${id}/events` : `${name}/${id}`;
        assert.equal(link, `/llm/${path}`);
        const method = name === "cancel" ? "POST" : "HEAD";
        const { status } = await send(app, method, link);
        assert.ok(status < 300, `${method} ${link}: ${status}`);
      }
    }
    assert.equal((await send(app, "GET", "/llmresult/x")).status, 404);
    for (const path of ["/llm", "/llm?a=b"])
      assert.equal((await send(app, "GET", path)).status, 404);
    const document = await send(app, "GET", "/llm/openapi.json");
    const { servers } = JSON.parse(document.body) as { servers: object };
    assert.deepEqual(servers, [{ url: "/llm" }]);
  });

  test("is in every link of the page with the documents", async () => {
    for (const publicPath of ["", "/llm", "/a/b"]) {
      await using app = await startApp({ publicPath });
      for (const page of ["/docs", "/docs/"]) {
        const { body } = await send(app, "GET", publicPath + page);
        const links = [...body.matchAll(/(?:href|src)="([^"#]+)"/g)];
        assert.ok(links.length > 3);
        for (const [, link = ""] of links) {
          const { pathname } = new URL(link, `http://a${publicPath}${page}`);
          assert.ok(pathname.startsWith(`${publicPath}/`), pathname);
          assert.equal((await send(app, "GET", pathname)).status, 200, link);
        }
      }
    }
  });
});
