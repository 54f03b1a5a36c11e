import assert from "node:assert/strict";
import { test } from "vitest";
import { missingFeatures } from "./serverPrograms.ts";

test("an old nats-server says what it lacks", () => {
  const lacks = (version: string) => missingFeatures({ kind: "nats", version });
  assert.match(lacks("2.9.10") ?? "", /sync_interval.*2 minutes/);
  assert.doesNotMatch(lacks("2.10.27") ?? "", /sync_interval/);
  assert.equal(lacks("2.15.1"), undefined);
});
