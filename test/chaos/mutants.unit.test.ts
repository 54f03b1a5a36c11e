/** The mutants change the system as it is now. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "vitest";
import { root } from "../../scripts/install/project.mjs";
import { findCode } from "./findCode.ts";
import { mutants } from "./mutants.ts";

for (const { name, file, find, replace } of mutants)
  test(`there is one place for the mutant: ${name}`, async () => {
    const text = await readFile(join(root, file), "utf8");
    assert.equal(findCode(text, find).length, 1, `${file} has: ${find}`);
    assert.notEqual(find, replace);
  });
