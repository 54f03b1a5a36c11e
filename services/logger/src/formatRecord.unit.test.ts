import fc from "fast-check";
import assert from "node:assert/strict";
import { describe, test } from "vitest";
import { formatRecord } from "./formatRecord.ts";

const time = Date.UTC(2026, 10, 24, 10, 0, 0, 123);
const storedAt = time / 1000 + 60;
const format = (record: unknown) =>
  formatRecord("gateway", Buffer.from(JSON.stringify(record)), storedAt);
const formatText = (text: string | Uint8Array) =>
  formatRecord("gateway", Buffer.from(text), storedAt);

describe("a record", () => {
  test("is a line for people", () =>
    assert.equal(
      format({
        level: 30,
        time,
        service: "other",
        n: 3,
        to: "a b",
        msg: "task done",
      }),
      '[2026-11-24 10:00:00.123] INFO  gateway: task done n=3 to="a b"',
    ));
  test("with an error stays one line", () =>
    assert.equal(
      format({
        level: 50,
        time,
        err: { type: "E", stack: "E: x\n  at y" },
        msg: "failed",
      }),
      '[2026-11-24 10:00:00.123] ERROR gateway: failed err={"type":"E","stack":"E: x\\n  at y"}',
    ));
  test("below info has none", () =>
    assert.equal(format({ level: 20, time, msg: "clock check" }), undefined));
  test("without time, level and message has the time at which it was stored", () =>
    assert.equal(
      format({ time: 1e300, "a b": null }),
      '[2026-11-24 10:01:00.123] -     gateway: "a b"=null',
    ));
  test("can't forge another line", () =>
    assert.equal(
      format({
        level: 30,
        time,
        msg: "a\n[2026-11-24 10:00:00.123] INFO  gateway: b",
      }),
      "[2026-11-24 10:00:00.123] INFO  gateway: a\\n[2026-11-24 10:00:00.123] INFO  gateway: b",
    ));
});

describe("what is no record stands there as text", () => {
  for (const text of ["no json", "null", "[1]", "3", ""])
    test(JSON.stringify(text), () =>
      assert.equal(
        formatText(text),
        `[2026-11-24 10:01:00.123] -     gateway: ${JSON.stringify(text)}`,
      ),
    );
  test("nested deeper than can be written", () => {
    const deep = `{"level":30,"a":${"[".repeat(50_000)}${"]".repeat(50_000)}}`;
    assert.match(formatText(deep) ?? "", /^\[2026-11-24 10:0[01]:00\.123\] /);
  });
});

const lineBreak = /[\n\v\f\r\u0085\u2028\u2029]/;

test("property: no bytes break a line", () =>
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array(),
        fc.json({ stringUnit: "binary" }).map((text) => Buffer.from(text)),
        fc
          .dictionary(fc.string({ unit: "binary" }), fc.jsonValue())
          .map((record) =>
            Buffer.from(JSON.stringify({ ...record, level: 30 })),
          ),
      ),
      fc.string({ unit: "binary" }),
      (data, service) => {
        assert.doesNotMatch(
          formatRecord(service, data, storedAt) ?? "",
          lineBreak,
        );
      },
    ),
    { numRuns: 3_000 },
  ));
