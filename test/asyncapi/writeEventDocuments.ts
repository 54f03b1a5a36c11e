/** `npm run events:snapshot`: writes down the JSON Schemas of the events, and their AsyncAPI document. Refuses to take back what was written before. */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import {
  committedLines,
  committedSchemas,
  currentSchemas,
  linesFile,
  schemaFolder,
} from "../../packages/schema/test/committedSchemas.ts";
import { asyncApi } from "./asyncApi.ts";
import { linesOf } from "../../packages/schema/test/schemaLines.ts";

const schemas = currentSchemas();
const lines = new Set(linesOf({ ...committedSchemas(), ...schemas }));
const missing = committedLines().filter((line) => !lines.has(line));
if (missing.length > 0) {
  console.error(
    `a version of an event never changes its meaning, make another one:\n${missing.join("\n")}`,
  );
  process.exit(1);
}
for (const [name, schema] of Object.entries(schemas)) {
  mkdirSync(dirname(schemaFolder + name), { recursive: true });
  writeFileSync(schemaFolder + name, `${JSON.stringify(schema, null, 2)}\n`);
}
writeFileSync(linesFile, `${[...lines].join("\n")}\n`);
writeFileSync(
  new URL("../../packages/schema/asyncapi.json", import.meta.url),
  `${JSON.stringify(asyncApi(), null, 2)}\n`,
);
