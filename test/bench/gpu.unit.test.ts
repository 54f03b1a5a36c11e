/** Where there is no card to measure on, one line says so before anything is made or loaded. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, test } from "vitest";
import { assertDevice, cardName } from "../../bench/gpu.ts";

const folder = mkdtempSync(join(tmpdir(), "jetscribe-gpu-"));
afterAll(() => rmSync(folder, { recursive: true }));

function smi(name: string, script: string): string {
  const file = join(folder, name);
  writeFileSync(file, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return file;
}

test("the first card's name is taken", async () => {
  const two = smi("two", "echo 'NVIDIA L4'; echo 'NVIDIA T4'");
  assert.equal(await cardName(two), "NVIDIA L4");
});

test.each([
  [() => join(folder, "none"), /ENOENT/],
  [() => smi("broken", "echo 'No devices were found'; exit 6"), /No devices/],
  [() => smi("silent", "exit 0"), /names none/],
])("without a card that is said in one line", async (command, why) => {
  await assert.rejects(cardName(command()), (error: Error) => {
    assert.match(error.message, /^--gpu: there is no NVIDIA GPU [^\n]*$/);
    assert.match(error.message, why);
    return true;
  });
});

test("a model that is not on the card ends the measurement", () => {
  assert.throws(
    () => assertDevice("cpu (no cuda)", true),
    /on cpu \(no cuda\)/,
  );
  assert.throws(() => assertDevice(undefined, true), /no device/);
  assertDevice("cuda", true);
  assertDevice("cpu", false);
});
