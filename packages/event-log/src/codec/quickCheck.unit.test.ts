import { eventTypes, type EventType } from "@jetscribe/schema";
import { eventually } from "@jetscribe/testing";
import fc from "fast-check";
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import * as z from "zod";
import { describe, test } from "vitest";
import { compileCheck, quickCheck } from "./quickCheck.ts";

const folder = new URL("../../../schema/fixtures/events/v1/", import.meta.url);
const fixtures = readdirSync(folder).map((file) => ({
  file,
  type: file.split(".")[0] as EventType,
  text: readFileSync(new URL(file, folder), "utf8"),
}));
const checks: Record<string, (json: unknown) => boolean> = {};
for (const [type, { schema }] of Object.entries(eventTypes))
  checks[type] = await compileCheck(schema);
const quickly = (type: EventType, json: unknown) => checks[type]?.(json);

/** What makes an event one that has to be parsed. */
const unsayable = ["stop", "logit_bias", "response_format", "metadata"];

describe("a quick check", () => {
  test("takes the frozen events, but for those with what JSON Schema can't say", () => {
    for (const { file, type, text } of fixtures) {
      const expected = !unsayable.some((name) => text.includes(`"${name}":`));
      assert.equal(quickly(type, JSON.parse(text)), expected, file);
    }
  });

  test("takes only what the schema takes, and leaves of it what the schema leaves", () => {
    const taken = { quickly: 0, not: 0 };
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
          for (const [[n, how], value] of changes)
            change(changed, n, how, value);
          const body = JSON.stringify(changed);
          const json: unknown = JSON.parse(body);
          const parsed = eventTypes[type].schema.safeParse(JSON.parse(body));
          if (!quickly(type, json)) return void taken.not++;
          taken.quickly++;
          assert.ok(parsed.success, body);
          assert.deepEqual(json, parsed.data);
        },
      ),
      { numRuns: 20_000 },
    );
    assert.ok(
      taken.quickly > 1_000 && taken.not > 1_000,
      JSON.stringify(taken),
    );
  });

  test("refuses all until it was asked often, and takes nothing wrong afterwards", async () => {
    const isEvent = quickCheck(eventTypes.GenerateStarted.schema);
    const sample = fixtures.find(({ type }) => type === "GenerateStarted");
    assert.ok(sample);
    const ask = () => isEvent(JSON.parse(sample.text));
    for (let i = 0; i < 50; i++) assert.equal(ask(), false);
    await eventually(ask);
    assert.equal(isEvent({ ...JSON.parse(sample.text), attempt: -1 }), false);
  });

  test("refuses what it can't say, wherever that stands", async () => {
    const odd: z.ZodType[] = [
      z.string().max(3),
      z.string().regex(/^[^a]$/i),
      z.url(),
      z.float32(),
      z.string().refine((text) => text !== "b"),
      z.strictObject({ a: z.string() }),
      z.union([z.string(), z.number()]),
      z.string().transform(Number),
      z.string().trim(),
      z.string().default("x"),
      z.unknown(),
      z.custom((value) => value === 5),
    ];
    for (const one of odd) {
      const isThere = await compileCheck(z.object({ a: z.array(one) }));
      for (const value of ["a", "b", 5, { a: "x" }])
        assert.equal(isThere({ a: [value] }), false, one.def.type);
      assert.equal(isThere({ a: [] }), true);
      const mayBe = z.object({ a: one.optional(), b: z.string() });
      const comesAlone = (await compileCheck(mayBe))({ b: "" });
      assert.equal(comesAlone, !("a" in mayBe.parse({ b: "" })), one.def.type);
    }
  });
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
