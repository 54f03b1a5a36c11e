import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { test } from "vitest";

const print = new URL("./print.mjs", import.meta.url).href;
/** Says a line, and more once its stdin ends. */
const program = `
  import { say } from ${JSON.stringify(print)};
  say("first");
  process.stdin.resume().on("end", () => {
    for (let i = 0; i < 100; i++) say("more");
  });
`;

test("a command whose output is piped away ends quietly", async () => {
  const child = spawn(process.execPath, ["--input-type=module", "-e", program]);
  const errors = text(child.stderr);
  await once(child.stdout, "data");
  child.stdout.destroy();
  await once(child.stdout, "close");
  child.stdin.end();
  const [code] = (await once(child, "exit")) as [number];
  assert.deepEqual([code, await errors], [0, ""]);
});
