/** Whether the switch reaches every file of this folder that has a plain way in this package. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { test } from "vitest";

const program = `
  import * as z from "zod";
  import { makeHeaders, headersOf, headerBytes } from "${import.meta.resolve("../codec/headers.ts")}";
  import { compiled } from "${import.meta.resolve("./compiled.ts")}";
  import { fastPaths } from "${import.meta.resolve("./fastPaths.ts")}";
  import { PassingMap } from "${import.meta.resolve("./passingMap.ts")}";
  const schema = z.object({ a: z.string() });
  console.log(JSON.stringify({
    fastPaths,
    headers: [makeHeaders, headersOf, headerBytes].map(({ name }) => name),
    map: PassingMap.name,
    compiles: compiled(schema) !== schema,
  }));
`;

/** What a process takes that has this setting; without one as well as with an empty one. */
async function taken(setting: string | undefined): Promise<unknown> {
  const { FAST_PATHS: _, ...env } = process.env;
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ["--input-type=module", "-e", program],
    {
      cwd: import.meta.dirname,
      env: { ...env, ...(setting !== undefined && { FAST_PATHS: setting }) },
    },
  );
  return JSON.parse(stdout);
}

test("FAST_PATHS=off takes the plain way of everything, any other setting the fast one", async () => {
  assert.deepEqual(await taken("off"), {
    fastPaths: false,
    headers: ["setHeaders", "decodedHeadersOf", "decodedHeaderBytes"],
    map: "Map",
    compiles: false,
  });
  for (const setting of [undefined, "", "on"])
    assert.deepEqual(await taken(setting), {
      fastPaths: true,
      headers: ["writtenHeaders", "rawHeadersOf", "rawHeaderBytes"],
      map: "BoxedMap",
      compiles: true,
    });
});
