import { Validator } from "@cfworker/json-schema";
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { describe, test } from "vitest";
import {
  committedLines,
  committedSchemas,
  currentSchemas,
} from "../../test/committedSchemas.ts";
import { linesOf } from "../../test/schemaLines.ts";

const run = "run `npm run events:snapshot`";
const committed = committedSchemas();

describe("the JSON Schemas that are published", () => {
  test("are those of the zod schemas", () => {
    const current = currentSchemas();
    assert.ok(Object.keys(current).length >= 6);
    for (const [name, schema] of Object.entries(current))
      assert.deepEqual(committed[name], schema, `${name}: ${run}`);
  });

  test("never take back what they said", () => {
    const lines = committedLines();
    assert.ok(lines.length > 400);
    const now = new Set(linesOf(committed));
    assert.deepEqual(
      lines.filter((line) => !now.has(line)),
      [],
      "these went missing: an event that says something else is another version",
    );
    assert.deepEqual([...now], lines, `something new: ${run}`);
  });

  test("take every frozen sample, and none that lacks a required field", () => {
    const folder = new URL("../../fixtures/events/", import.meta.url).pathname;
    for (const file of globSync("*/*.json", { cwd: folder })) {
      const [version] = file.split("/");
      const [type] = basename(file).split(".");
      const schema = committed[`${version}/${type}.json`] ?? assert.fail(file);
      const validator = new Validator(schema, "2020-12", false);
      const text = readFileSync(folder + file, "utf8");
      const sample = JSON.parse(text) as Record<string, unknown>;
      const { valid, errors } = validator.validate(sample);
      assert.deepEqual({ file, valid, errors }, { file, valid: true, errors: [] }); // prettier-ignore
      for (const field of schema["required"] as string[]) {
        const { [field]: _, ...less } = sample;
        assert.ok(!validator.validate(less).valid, `${file}: ${field}`);
      }
    }
  });
});
