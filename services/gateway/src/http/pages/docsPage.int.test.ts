/** `/docs`: that every call is on it, and that it needs nothing from elsewhere. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, test } from "vitest";
import { send, startApp, type Started } from "../../../test/appTestKit.ts";

describe("/docs", () => {
  let app: Started;
  beforeAll(async () => {
    app = await startApp();
  });
  afterAll(() => app.stop());

  test("shows every call under what it is for, with a request and its answers", async () => {
    const { status, headers, body } = await send(app, "GET", "/docs");
    assert.equal(status, 200);
    assert.equal(headers["content-type"], "text/html; charset=utf-8");
    assert.match(body, /<title>Jetscribe API<\/title>/);
    const { paths } = app.app.swagger() as unknown as {
      paths: Record<string, Record<string, { operationId: string; responses: object }>>; // prettier-ignore
    };
    const articles = body.split("<article ").slice(1);
    const operations = Object.values(paths).flatMap((path) =>
      Object.values(path),
    );
    assert.equal(articles.length, operations.length);
    assert.match(articles[0] ?? "", /^id="generate"/);
    for (const { operationId, responses } of operations) {
      const own = articles.find((html) =>
        html.startsWith(`id="${operationId}"`),
      );
      assert.ok(own, operationId);
      assert.ok(body.includes(`href="#${operationId}"`), operationId);
      assert.match(own, /curl -s/);
      for (const answer of Object.keys(responses))
        assert.ok(
          own.includes(`<span class="status">${answer}</span>`),
          answer,
        );
      assert.match(own, /<form data-method/);
    }
  });

  test("has the whole changelog on a page of its own", async () => {
    const { status, body } = await send(app, "GET", "/docs/changelog");
    assert.equal(status, 200);
    const file = await readFile("docs/api-changelog.md", "utf8");
    const count = (text: string, sign: RegExp) => text.match(sign)?.length;
    for (const [sign, tag] of [
      [/^# /gm, /<h1>/g],
      [/^## /gm, /<h2>/g],
      [/^- /gm, /<li>/g],
      [/`[^`]+`/g, /<code>/g],
    ] as const) {
      assert.ok(count(file, sign));
      assert.equal(count(body, tag), count(file, sign), String(tag));
    }
    assert.ok(body.includes("<code>POST /generate/batch</code>"));
  });

  test("takes its parts from the gateway alone, and its policy allows nothing else", async () => {
    for (const path of ["/docs", "/docs/changelog", "/docs/problems"]) {
      const { headers, body } = await send(app, "GET", path);
      assert.match(
        String(headers["content-security-policy"]),
        /^default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; /,
      );
      assert.doesNotMatch(body, /<style|<script(?! src="\/docs\/)| style=/);
      assert.doesNotMatch(body, /(?:src|href)="(?:https?:)?\/\//);
    }
    for (const [file, type] of [
      ["style.css", "text/css; charset=utf-8"],
      ["tryIt.js", "text/javascript; charset=utf-8"],
      ["icon.svg", "image/svg+xml"],
    ]) {
      const { status, headers, body } = await send(app, "GET", `/docs/${file}`);
      assert.equal(status, 200);
      assert.equal(headers["content-type"], type);
      assert.doesNotMatch(body, /@import|url\(|https?:\/\/(?!www\.w3\.org)/);
    }
  });
});
