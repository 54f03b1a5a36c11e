/** `/dashboard`: its files, how they are cached and compressed, and its own port. */
import { freePort } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { get as httpGet } from "node:http";
import { buffer } from "node:stream/consumers";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, test } from "vitest";
import { listenForDashboard } from "../dashboardPort.ts";
import {
  problemOf,
  send,
  startApp,
  type Started,
} from "../../../test/appTestKit.ts";

describe("/dashboard", () => {
  let app: Started;
  beforeAll(async () => {
    app = await startApp({ publicPath: "/llm" });
  });
  afterAll(() => app.stop());

  /** The bytes as they come. */
  const get = (path: string, headers = {}) =>
    fetch(app.url + path, { headers, redirect: "manual" });
  const scriptOf = (html: string) =>
    /src="\.\/(assets\/[\w-]+\.js)"/.exec(html)?.[1] ?? "";

  test("is below the path of the proxy", async () => {
    for (const path of ["/dashboard", "/llm/dashboard"]) {
      const answer = await send(app, "GET", path);
      assert.equal(answer.status, 302, path);
      assert.equal(answer.headers.location, "/llm/dashboard/");
    }
  });

  test("is where a browser is led that opens the bare address", async () => {
    const headers = { accept: "text/html,application/xhtml+xml,*/*;q=0.8" };
    for (const path of ["/", "/?a=b", "/llm", "/llm/"])
      for (const method of ["GET", "HEAD"]) {
        const answer = await send(app, method, path, { headers });
        assert.equal(answer.status, 302, `${method} ${path}`);
        assert.equal(answer.headers.location, "/llm/dashboard/");
        assert.match(answer.headers.vary ?? "", /(?:^|, )accept(?:,|$)/);
      }
    assert.equal((await send(app, "POST", "/", { headers })).status, 404);
    const other = await send(app, "GET", "/nope", { headers });
    assert.equal(other.status, 404);
    // A program is told where to read on.
    for (const accept of ["*/*", "application/json"]) {
      const answer = await send(app, "GET", "/", { headers: { accept } });
      assert.equal(answer.status, 404);
      assert.match(String(problemOf(answer)["detail"]), /see \/docs/);
      assert.match(answer.headers.vary ?? "", /(?:^|, )accept(?:,|$)/);
    }
  });

  test("has the policy of the other pages, and nothing inline", async () => {
    const answer = await get("/dashboard/");
    assert.equal(answer.status, 200);
    const policy = answer.headers.get("content-security-policy");
    assert.match(policy ?? "", /^default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; /); // prettier-ignore
    const html = await answer.text();
    assert.doesNotMatch(html, /<style|<script(?![^>]* src="\.\/)| style=| on\w+=|https?:/); // prettier-ignore
  });

  test("index.html is asked for anew, and files with a hash never", async () => {
    const page = await get("/dashboard/");
    assert.equal(page.headers.get("cache-control"), "no-cache");
    const tag = { "if-none-match": page.headers.get("etag") };
    assert.equal((await get("/dashboard/", tag)).status, 304);
    const script = await get(`/dashboard/${scriptOf(await page.text())}`);
    assert.equal(script.status, 200);
    assert.equal(script.headers.get("cache-control"), "public, max-age=31536000, immutable"); // prettier-ignore
  });

  test("comes in the smallest form that the caller takes", async () => {
    const page = await (await get("/dashboard/")).text();
    const path = `/dashboard/${scriptOf(page)}`;
    const forms = [
      ["gzip, br", "br", brotliDecompressSync],
      ["gzip, br;q=0", "gzip", gunzipSync],
      ["identity", undefined, undefined],
    ] as const;
    const texts = new Set<string>();
    for (const [accepted, encoding, decode] of forms) {
      const headers = { "accept-encoding": accepted };
      const answer = await fetchRaw(path, headers);
      assert.equal(answer.encoding, encoding);
      texts.add((decode?.(answer.bytes) ?? answer.bytes).toString());
    }
    assert.equal(texts.size, 1);
  });

  /** Without what `fetch` decodes by itself. */
  async function fetchRaw(path: string, headers: Record<string, string>) {
    return await new Promise<{ encoding: string | undefined; bytes: Buffer }>(
      (resolve, reject) => {
        httpGet(app.url + path, { headers }, (answer) => {
          const encoding = answer.headers["content-encoding"];
          buffer(answer).then((bytes) => resolve({ encoding, bytes }), reject);
        }).once("error", reject);
      },
    );
  }

  test("no path leads out of its folder, and what is not there is a 404", async () => {
    for (const path of [
      "/dashboard/nothing.js",
      "/dashboard/.inputs",
      "/dashboard/..%2fbuilt.ts",
      "/dashboard/%2e%2e/package.json",
    ])
      // prettier-ignore
      assert.equal((await send(app, "GET", path)).status, 404, path);
  });

  test("another port is the same server", async () => {
    const port = await freePort();
    using _other = await listenForDashboard(app.app, {
      host: "127.0.0.1",
      port,
    });
    const answer = await fetch(`http://127.0.0.1:${port}/livez`);
    assert.equal(answer.status, 200);
    const options = { redirect: "manual" } as const;
    const home = await fetch(`http://127.0.0.1:${port}/`, options);
    assert.equal(home.headers.get("location"), "/llm/dashboard/");
    assert.equal((await send(app, "GET", "/")).status, 404);
  });
});
