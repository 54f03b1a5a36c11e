import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "vitest";

const module = new URL("./freePort.ts", import.meta.url).href;
const takesPorts = `
  const { freePort } = await import(${JSON.stringify(module)});
  const ports = [];
  while (ports.length < 1_500) ports.push(await freePort());
  console.log(JSON.stringify(ports));`;

function portsOf(poolId: string | undefined): Set<number> {
  const printed = execFileSync(
    process.execPath,
    ["--input-type=module", "-e", takesPorts],
    { env: { ...process.env, VITEST_POOL_ID: poolId }, encoding: "utf8" },
  );
  return new Set(JSON.parse(printed) as number[]);
}

test("tests that run at the same time are given different ports", () => {
  const file = new URL("../../../vitest.config.ts", import.meta.url);
  const [, count] = /maxWorkers: (\d+)/.exec(readFileSync(file, "utf8"))!;
  const ids = Array.from({ length: Number(count) }, (_, i) => String(i + 1));
  assert.ok(ids.includes(process.env["VITEST_POOL_ID"]!));
  const given = [undefined, ...ids].flatMap((id) => [...portsOf(id)]);
  assert.equal(new Set(given).size, given.length);
  const ofSystems = given.filter((port) => port >= 20_000);
  assert.deepEqual(ofSystems, [], "npm start takes them from there");
});
