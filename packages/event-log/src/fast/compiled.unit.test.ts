/** Compiled code holds against the schema that it was made of. */
import { eventTypes, type EventType } from "@jetscribe/schema";
import fc from "fast-check";
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "vitest";
import * as z from "zod";

const folder = new URL("../../../schema/fixtures/events/v1/", import.meta.url);
const fixtures = readdirSync(folder).map((file) => ({
  type: file.split(".")[0] as EventType,
  text: readFileSync(new URL(file, folder), "utf8"),
}));
/** Without `strict` it would be the schema itself where it can't be compiled. */
const compiledTypes = Object.fromEntries(
  Object.entries(eventTypes).map(([type, { schema }]) => [
    type,
    z.compile<z.ZodType>(schema, { strict: true }),
  ]),
) as Record<EventType, z.ZodType>;

test("a compiled event schema and the schema make the same of any body", () => {
  const found = { taken: 0, refused: 0 };
  const values = fc.oneof(
    fc.jsonValue(),
    fc.double(),
    fc.string({ unit: "grapheme", maxLength: 300 }),
    fc.constantFrom(-1, 0, 0.5, 1, 2, 32_769, 2 ** 53, 1e400, "", null, []),
    fc.dictionary(fc.constantFrom("0", "a", "__proto__"), fc.anything()),
  );
  const place = fc.tuple(fc.nat(), fc.constantFrom("set", "drop", "add"));
  fc.assert(
    fc.property(
      fc.constantFrom(...fixtures),
      fc.array(fc.tuple(place, values), { maxLength: 3 }),
      ({ type, text }, changes) => {
        const changed = JSON.parse(text) as object;
        for (const [[n, how], value] of changes) change(changed, n, how, value);
        const body = JSON.stringify(changed);
        const expected = eventTypes[type].schema.safeParse(JSON.parse(body));
        const parsed = compiledTypes[type].safeParse(JSON.parse(body));
        found[parsed.success ? "taken" : "refused"]++;
        assert.deepEqual(parsed, expected, body);
      },
    ),
    { numRuns: 10_000 },
  );
  assert.ok(
    found.taken > 1_000 && found.refused > 1_000,
    JSON.stringify(found),
  );
});

/** Changes the n-th of all fields of the event and of the objects in it. */
function change(event: object, n: number, how: string, value: unknown): void {
  const objects = [event, ...Object.values<unknown>({ ...event })].filter(
    (one): one is Record<string, unknown> =>
      typeof one === "object" && one !== null && !Array.isArray(one),
  );
  const fields = objects.flatMap((one) =>
    Object.keys(one).map((key) => [one, key] as const),
  );
  const [owner, key] = fields[n % fields.length] ?? [];
  if (owner === undefined || key === undefined) return;
  if (how === "drop") delete owner[key];
  else owner[how === "add" ? `${key}_later` : key] = value;
}
