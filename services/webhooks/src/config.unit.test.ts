import { readConfig } from "@jetscribe/runtime";
import assert from "node:assert/strict";
import { test } from "vitest";
import { Config } from "./config.ts";

test("an attempt may take from a second to a minute", () => {
  const read = (WEBHOOK_TIMEOUT: string) =>
    readConfig(Config, { WEBHOOK_TIMEOUT });
  for (const time of ["999ms", "61s", "0"])
    assert.throws(() => read(time), /WEBHOOK_TIMEOUT.*from 1s to 1m/);
  for (const time of ["1s", "1m"]) assert.ok(read(time).timeoutMs >= 1_000);
});
