import assert from "node:assert/strict";
import { test } from "vitest";
import { isFrom210, whyUnusable } from "./serverVersion.ts";

test("nats-server 2.9.12 to 2.9.14 are refused by name, and no others", () => {
  for (const version of ["2.9.12", "2.9.13", "2.9.14", "2.9.14-beta.1"])
    assert.match(whyUnusable(version) ?? "", /2\.9\.1[234]/, version);
  for (const version of ["2.9.10", "2.9.11", "2.9.15", "2.10.12", "2.15.1"])
    assert.equal(whyUnusable(version), undefined, version);
});

test("2.10 and later are told from what is older", () => {
  for (const version of ["2.10.0", "2.10.0-beta.1", "2.15.1", "3.0.0"])
    assert.ok(isFrom210(version), version);
  for (const version of ["2.9.10", "2.9.25", "1.99.0", "unknown"])
    assert.ok(!isFrom210(version), version);
});
