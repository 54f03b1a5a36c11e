import * as known from "@opentelemetry/semantic-conventions/incubating";
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "vitest";
import { attr, semconvVersion } from "./conventions.ts";

test("every name is one of the conventions of the version that is named", async () => {
  const names = new Set<unknown>(Object.values(known));
  for (const name of Object.values(attr)) assert.ok(names.has(name), name);
  const manifest = new URL(
    "../node_modules/@opentelemetry/semantic-conventions/package.json",
    import.meta.url,
  );
  const { version } = JSON.parse(await readFile(manifest, "utf8")) as {
    version: string;
  };
  assert.equal(version, semconvVersion);
});

test("the SDK and what it pins are of one release", async () => {
  const read = async (path: string) =>
    JSON.parse(await readFile(new URL(path, import.meta.url), "utf8")) as {
      dependencies: Record<string, string>;
    };
  const ours = await read("../package.json");
  const theirs = await read(
    "../node_modules/@opentelemetry/sdk-node/package.json",
  );
  const name = "@opentelemetry/sdk-trace";
  assert.equal(ours.dependencies[name], theirs.dependencies[name]);
});
