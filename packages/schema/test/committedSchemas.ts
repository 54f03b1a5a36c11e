/** The JSON Schemas that are committed, and published with the package: those of every version that there ever was. */
import { globSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { kinds, type EventType } from "../src/generate/kinds.ts";
import { jsonSchemaOf } from "../src/generate/jsonSchemas.ts";

export const schemaFolder = fileURLToPath(
  new URL("../json-schemas/", import.meta.url),
);
/** What they say, as lines: none of them ever goes. */
export const linesFile = fileURLToPath(
  new URL("json-schema-lines.txt", import.meta.url),
);

export type JsonSchemas = Record<string, Record<string, unknown>>;

/** By their files' names, as `v1/GenerateStarted.json`. */
export const committedSchemas = (): JsonSchemas =>
  Object.fromEntries(
    globSync("*/*.json", { cwd: schemaFolder }).map((name) => [
      name,
      JSON.parse(readFileSync(schemaFolder + name, "utf8")) as JsonSchemas[""],
    ]),
  );

/** The same of the events as they are defined now. */
export const currentSchemas = (): JsonSchemas =>
  Object.fromEntries(
    (Object.keys(kinds) as EventType[]).map((type) => [
      `v1/${type}.json`,
      jsonSchemaOf(type),
    ]),
  );

export const committedLines = (): string[] =>
  readFileSync(linesFile, "utf8").split("\n").slice(0, -1);
