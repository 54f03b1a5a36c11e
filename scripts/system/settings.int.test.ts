import { configExitCode } from "@jetscribe/runtime/config";
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, test } from "vitest";
import { root } from "../install/project.mjs";

const dir = mkdtempSync(join(tmpdir(), "jetscribe-settings-"));
const file = join(dir, "file");
const dataDir = join(dir, "data");
writeFileSync(file, "");
afterAll(() => rmSync(dir, { recursive: true }));

/** `npm start` with a setting that it refuses before it starts anything. */
function start(
  env: Record<string, string>,
): Promise<{ code: unknown; output: string }> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [join(root, "scripts/start.mjs")],
      { env: { ...process.env, DATA_DIR: dataDir, ...env }, timeout: 60_000 },
      (error, stdout, stderr) =>
        resolve({ code: error?.code, output: stdout + stderr }),
    );
  });
}

const wrong: [string, string, RegExp][] = [
  ["HOST", "192.0.2.1", /address of this machine.*EADDRNOTAVAIL/],
  ["HOST", "no-such-host.invalid", /address of this machine/],
  ["HOST", "2001:db8::1", /address of this machine/],
  ["PORT", "8000x", /a number from 1 to 65535/],
  ["PORT", "0", /a number from 1 to 65535/],
  ["DATA_DIR", file, /a folder that this user can write.*EEXIST/],
  ["DATA_DIR", join(file, "below"), /a folder that this user can write/],
];

for (const [name, value, right] of wrong)
  test(`${name}=${value} ends the start with one line that says what is right, and 78`, async () => {
    const { code, output } = await start({ [name]: value });
    assert.equal(code, configExitCode, output);
    const lines = output.trim().split("\n");
    assert.equal(lines.length, 1, output);
    assert.ok(output.includes(`${name}=${value}: expected`), output);
    assert.match(output, right);
  });
