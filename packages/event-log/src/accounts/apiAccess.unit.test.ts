import { makeNames, maxWaitS } from "@jetscribe/schema";
import assert from "node:assert/strict";
import { test } from "vitest";
import { accountsConfig } from "./accountsConfig.ts";
import { apiAccess } from "./apiAccess.ts";

const names = makeNames("shop");

test("an owner's calls are its own three subjects, in the system's namespace", () => {
  const subjects = apiAccess("ann", names).map(({ subject }) => subject);
  assert.deepEqual(
    subjects,
    ["generate", "result", "cancel"].map((call) => `shop.llm.api.ann.${call}`),
  );
});

test("the broker passes an answer on that comes after the longest wait", () => {
  const caller = {
    ...{ name: "a", publicKey: "U", noText: true, createdAt: "2026-11-30T00:00:00Z" }, // prettier-ignore
    ...{ owner: "ann", api: true },
  };
  const config = accountsConfig({ names, users: [], subscribers: [caller] });
  const exported = [...config.matchAll(/service: "shop\.llm\.api\.ann\.\w+".*?response_threshold: "(\d+)s"/g)]; // prettier-ignore
  assert.equal(exported.length, 3);
  for (const [, seconds] of exported) assert.ok(Number(seconds) > maxWaitS);
});

test("a subscriber that may not call, or has no owner, reaches none of them", () => {
  const subscriber = { name: "a", publicKey: "U", noText: true, createdAt: "2026-11-30T00:00:00Z" }; // prettier-ignore
  for (const more of [{ owner: "ann", api: false }, { api: true }]) {
    const subscribers = [{ ...subscriber, ...more }];
    const config = accountsConfig({ names, users: [], subscribers });
    assert.ok(!config.includes("llm.api"));
  }
});
