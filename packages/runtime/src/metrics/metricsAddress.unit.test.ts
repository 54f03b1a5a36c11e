import assert from "node:assert/strict";
import { test } from "vitest";
import * as z from "zod";
import { readConfig } from "../config.ts";
import { metricsAddress } from "./metricsAddress.ts";

const Config = z.object({ METRICS_PORT: metricsAddress() });
const read = (METRICS_PORT: string) =>
  readConfig(Config, { METRICS_PORT }).METRICS_PORT;

test("a port is of this machine alone, unless an address stands before it", () => {
  assert.deepEqual(read("9464"), { host: "127.0.0.1", port: 9464 });
  assert.deepEqual(read("0.0.0.0:9464"), { host: "0.0.0.0", port: 9464 });
  assert.deepEqual(read("[::]:9464"), { host: "::", port: 9464 });
});

test("anything else is refused by the setting's name", () => {
  for (const wrong of ["0", "65536", "a b:1", ":1", "host", "1.5"])
    assert.throws(() => read(wrong), /METRICS_PORT: expected a port/, wrong);
});
