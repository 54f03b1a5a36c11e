import { Validator } from "@cfworker/json-schema";
import fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "vitest";
import { grammarOf } from "./grammarOf.ts";
import type { Schema } from "./keywords.ts";
import {
  anySchema,
  makeAnswers,
  randomFrom,
} from "../../test/schemaTestKit.ts";
import { makeMatcher } from "../../test/grammarTestKit.ts";

const runs = { numRuns: 600 };

const isValid = (schema: Schema, value: unknown): boolean =>
  new Validator(schema, "2020-12").validate(value).valid;

/** A value that every reader holds as it was written. */
function assertHeld(value: unknown): void {
  if (typeof value === "number") assert.ok(Number.isFinite(value));
  else if (Array.isArray(value)) value.forEach(assertHeld);
  else if (typeof value === "object" && value !== null)
    Object.values(value).forEach(assertHeld);
}

test("whatever the grammar lets pass is valid by the schema", () => {
  let taken = 0;
  fc.assert(
    fc.property(anySchema, fc.nat(), (schema, seed) => {
      const { grammar } = grammarOf(schema);
      if (grammar === undefined) return;
      taken += 1;
      const { sample } = makeMatcher(grammar.gbnf);
      const random = randomFrom(seed);
      for (let i = 0; i < 8; i++) {
        const text = sample(random, 10 * i);
        const value: unknown = JSON.parse(text);
        assert.ok(isValid(schema, value), text);
        assertHeld(value);
      }
    }),
    runs,
  );
  assert.ok(taken > runs.numRuns / 4, `${taken} schemas were taken`);
});

test("what is valid, and written in the schema's order, passes the grammar", () => {
  let passed = 0;
  fc.assert(
    fc.property(anySchema, fc.nat(), (schema, seed) => {
      const { grammar } = grammarOf(schema);
      if (grammar === undefined) return;
      const { matches } = makeMatcher(grammar.gbnf);
      const next = makeAnswers(schema, randomFrom(seed));
      for (let i = 0; i < 8; i++) {
        const text = next();
        if (text === undefined || !isValid(schema, JSON.parse(text))) continue;
        assert.ok(matches(text), text);
        passed += 1;
      }
    }),
    runs,
  );
  assert.ok(passed > runs.numRuns, `${passed} answers passed`);
});

test("no grammar lets an answer to another schema pass that is not valid by its own", () => {
  fc.assert(
    fc.property(anySchema, anySchema, fc.nat(), (schema, other, seed) => {
      const { grammar } = grammarOf(schema);
      if (grammar === undefined) return;
      const { matches } = makeMatcher(grammar.gbnf);
      const next = makeAnswers(other, randomFrom(seed));
      for (let i = 0; i < 4; i++) {
        const text = next();
        if (text === undefined || !matches(text)) continue;
        assert.ok(isValid(schema, JSON.parse(text)), text);
      }
    }),
    runs,
  );
});

/** All places inside of a value. */
const placesIn = (value: object): [object, string][] =>
  Object.entries(value).flatMap(([key, inner]: [string, unknown]) => [
    [value, key],
    ...(typeof inner === "object" && inner !== null ? placesIn(inner) : []),
  ]);

test("whatever stands anywhere in a schema, it is taken or refused by place, and no crash", () => {
  const junk = fc.oneof(
    fc.jsonValue({ maxDepth: 1 }),
    fc.constantFrom("object", "array", "#", -1, 1.5, [], {}, [null], true),
    anySchema,
  );
  fc.assert(
    fc.property(anySchema, junk, fc.nat(), (whole, value, at) => {
      const schema = structuredClone(whole);
      const places = placesIn(schema);
      const [holder, key = ""] = places[at % places.length] ?? [];
      if (holder !== undefined) Object.assign(holder, { [key]: value });
      const { grammar, problems = [] } = grammarOf(schema);
      if (grammar !== undefined) makeMatcher(grammar.gbnf);
      for (const { message } of problems) assert.match(message, /^#.*: ./s);
      assert.ok(grammar !== undefined || problems.length > 0);
    }),
    { numRuns: 3_000 },
  );
});
