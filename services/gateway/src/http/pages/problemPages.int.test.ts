/** The pages that explain problems. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { describe, test } from "vitest";
import { json, problemOf, send, startApp } from "../../../test/appTestKit.ts";
import { problemCodes, problemKind } from "../../calls/problem.ts";
import { escape } from "./page.ts";

describe("a problem", () => {
  test("leads to its page, also behind a path of a proxy", async () => {
    for (const publicPath of ["", "/llm"]) {
      await using app = await startApp({ publicPath });
      const refused = await send(app, "POST", "/generate", {
        headers: json,
        body: "{}",
      });
      assert.equal(problemOf(refused)["status"], 400);
      const [, page = ""] =
        /^<([^>]+)>; rel="help"$/.exec(String(refused.headers["link"])) ?? [];
      assert.equal(page, `${publicPath}/docs/problems/invalid_request`);
      const { status, headers, body } = await send(app, "GET", page);
      assert.equal(status, 200);
      assert.match(String(headers["content-type"]), /^text\/html/);
      assert.match(body, /The request is invalid/);
      assert.ok(body.includes(`href="${publicPath}/docs/problems"`));
    }
  });

  test("has a page with its title and example, in the list and in docs/rest.md", async () => {
    await using app = await startApp();
    const list = await send(app, "GET", "/docs/problems");
    const manual = await readFile("docs/rest.md", "utf8");
    for (const code of problemCodes) {
      const page = await send(app, "GET", `/docs/problems/${code}`);
      assert.equal(page.status, 200, code);
      assert.ok(page.body.includes(`urn:jetscribe:problem:${code}`), code);
      assert.ok(page.body.includes(escape(problemKind(code).title)), code);
      assert.ok(list.body.includes(`/docs/problems/${code}"`), code);
      const { status } = problemKind(code);
      const row = new RegExp(`^\\|[^|]*\`${code}\`[^|]*\\| ${status} `, "m");
      assert.match(manual, row, code);
    }
    const { status } = await send(app, "GET", "/docs/problems/too_red");
    assert.equal(status, 404);
  });

  test("has a page that takes nothing from elsewhere", async () => {
    await using app = await startApp();
    const { headers, body } = await send(app, "GET", "/docs/problems");
    const policy = String(headers["content-security-policy"]);
    assert.match(policy, /^default-src 'none'; /);
    assert.doesNotMatch(policy, /unsafe|https?:|\*/);
    assert.doesNotMatch(body, /<style|<script(?! src)| style=| on\w+=/);
  });
});
