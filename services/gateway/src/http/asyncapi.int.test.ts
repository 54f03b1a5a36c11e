/** The document of the events, as the gateway serves it, and its page. */
import committed from "@jetscribe/schema/asyncapi.json" with { type: "json" };
import assert from "node:assert/strict";
import { describe, test } from "vitest";
import { send, startApp } from "../../test/appTestKit.ts";
import type { AsyncApi, Message as AsyncApiMessage } from "./asyncapi.ts";

describe("the AsyncAPI document", () => {
  test("is the schema package's, and needs no key", async () => {
    await using app = await startApp();
    const { status, headers, body } = await send(app, "GET", "/asyncapi.json");
    assert.equal(status, 200);
    assert.match(String(headers["content-type"]), /^application\/json/);
    assert.deepEqual(JSON.parse(body), committed);
  });

  test("has the subjects and the stream of the system's namespace", async () => {
    await using app = await startApp({ namespace: "shop" });
    const { body } = await send(app, "GET", "/asyncapi.json");
    const { channels } = JSON.parse(body) as AsyncApi;
    for (const [name, channel] of Object.entries(channels)) {
      const { address, "x-jetstream-stream": stream } = channel;
      const own = (committed as AsyncApi).channels[name];
      assert.equal(address, own?.address && `shop.${own.address}`);
      const isStored = address?.startsWith("shop.llm.events.");
      assert.equal(stream, isStored ? "shop-EVENTS" : undefined);
    }
    const page = await send(app, "GET", "/docs/events");
    assert.ok(page.body.includes("shop.llm.events.failed.{model}.{lane}.{owner}")); // prettier-ignore
  });
});

describe("/docs/events", () => {
  test("shows every message with its subjects, fields, headers and an example", async () => {
    await using app = await startApp({ publicPath: "/llm" });
    const { status, headers, body } = await send(app, "GET", "/docs/events");
    assert.equal(status, 200);
    assert.equal(headers["content-type"], "text/html; charset=utf-8");
    const articles = body.split("<article ").slice(1);
    const messages = Object.entries(committed.components.messages);
    assert.equal(articles.length, messages.length);
    for (const [id, message] of messages) {
      const own = articles.find((html) => html.startsWith(`id="${id}"`));
      assert.ok(own, id);
      const isCall = message.name.startsWith("jetscribe.api.");
      assert.equal(own.includes("<code>ce-subject</code>"), !isCall, id);
      const { properties = {} } = (message as AsyncApiMessage).payload?.schema ?? {}; // prettier-ignore
      for (const field of Object.keys(properties))
        assert.ok(own.includes(`<dt><code>${field}</code>`), `${id}: ${field}`);
    }
    for (const { address } of Object.values(committed.channels))
      if (address !== null)
        assert.ok(body.includes(`<p class="path">${address}</p>`), address);
    assert.ok(body.includes('href="/llm/asyncapi.json"'));
  });

  test("takes nothing from elsewhere", async () => {
    await using app = await startApp();
    const { headers, body } = await send(app, "GET", "/docs/events");
    const policy = String(headers["content-security-policy"]);
    assert.match(policy, /^default-src 'none'; /);
    assert.doesNotMatch(policy, /unsafe|https?:|\*/);
    assert.doesNotMatch(body, /<style|<script(?! src="\/docs\/)| style=/);
    assert.doesNotMatch(body, /(?:src|href)="(?:https?:)?\/\//);
    const docs = await send(app, "GET", "/docs");
    assert.ok(docs.body.includes('href="/docs/events"'));
  });
});
