/** That a wrong answer is seen, whoever asked for it and however. */
import assert from "node:assert/strict";
import { createServer, get } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, test } from "vitest";
import { eventually } from "../eventually.ts";
import { checkAnswersOf, takeViolations } from "./watchAnswers.ts";

const ok = {
  content: { "application/json": { schema: { type: "array" } } },
};
const document = {
  paths: { "/a": { get: { operationId: "a", responses: { 200: ok } } } },
};

describe("an answer that is not as documented", () => {
  let wrong: unknown;
  let isLate = false;

  const server = createServer(({ url }, response) => {
    if (isLate && url === "/openapi.json") return void (isLate = false);
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify(url === "/openapi.json" ? document : wrong));
  });
  let url: string;
  beforeAll(async () => {
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => void server.close());

  const byHttp = () =>
    new Promise<string>((resolve, reject) => {
      get({ port: new URL(url).port, path: "/a", agent: false }, (response) => {
        text(response).then(resolve, reject);
      });
    });
  const byFetch = async () =>
    await (
      await fetch(`${url}/a`, { headers: { connection: "close" } })
    ).text();

  async function assertTold(): Promise<void> {
    const told = await eventually(() => {
      const found = takeViolations();
      return found.length > 0 && found;
    });
    assert.equal(told.length, 1);
    assert.match(String(told), /^GET \/a: 200: .*object.*array/s);
  }

  test("is told, by fetch and by node:http, with and without a document at hand", async () => {
    for (const given of [document, undefined])
      for (const ask of [byFetch, byHttp]) {
        checkAnswersOf(url, given);
        wrong = [];
        assert.equal(await ask(), "[]");
        wrong = { long: "x".repeat(100_000) };
        assert.equal((await ask()).length, 100_011);
        await assertTold();
      }
  });

  test("is told where the document comes late", async () => {
    checkAnswersOf(url);
    isLate = true;
    wrong = {};
    await byFetch();
    await assertTold();
  });

  test("of an address that nobody named is nobody's concern", async () => {
    checkAnswersOf("http://127.0.0.1:1", document);
    wrong = [];
    await byFetch();
    assert.deepEqual(takeViolations(), []);
  });
});
