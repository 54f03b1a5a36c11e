import assert from "node:assert/strict";
import { test } from "vitest";
import { readCallHeaders } from "./callHeaders.ts";

const wanted = ["Idempotency-Key", "Prefer"];
const read = (lines: string) =>
  readCallHeaders(Buffer.from(`NATS/1.0\r\n${lines}\r\n`, "latin1"), wanted);

test("a header is found in any case, the first one of several, without the spaces around it", () => {
  const header = read("a:b\r\nidempotency-KEY: \t k 1 \r\nIdempotency-Key:2\r\nPrefer:\r\n"); // prettier-ignore
  assert.equal(header?.("Idempotency-Key"), "k 1");
  assert.equal(header("idempotency-key"), "k 1");
  assert.equal(header("Prefer"), undefined);
  assert.equal(header("a"), undefined);
  assert.equal(read("x: prefer: 1\r\n")?.("Prefer"), undefined);
  assert.equal(read("Prefer: é\r\n")?.("Prefer"), "é");
});

test("no headers are headers", () => {
  assert.equal(readCallHeaders(Buffer.alloc(0), wanted)?.("Prefer"), undefined);
  assert.ok(read(""));
});

test("what is no header is none", () => {
  for (const lines of [
    ...["a b: 1", "é: 1", ": 1", "colonless", " folded: 1", "a\t: 1"],
    ...["a: 1\nb: 2", "a: 1\rb: 2", "a: 1\n", "a: \0", "a: 1\r\n\r\nb: 2"],
  ])
    assert.equal(read(`${lines}\r\n`), undefined, JSON.stringify(lines));
  for (const bytes of ["", "HTTP/1.1\r\n\r\n", "NATS/1.0", "NATS/1.0\r\na: 1"])
    assert.equal(
      readCallHeaders(Buffer.from(bytes), wanted) === undefined,
      bytes !== "",
      bytes,
    );
});

test("the time does not grow with the square of their number", () => {
  const many = (count: number) => "a:\r\n".repeat(count);
  for (const lines of [
    many(4_000),
    `${many(4_000)}é\r\n`,
    `a:${" ".repeat(16_000)}\r\n`,
    `${"a".repeat(16_000)}\r\n`,
  ]) {
    // The least of several: other work on the machine can only add to it.
    const took = Array.from({ length: 20 }, () => {
      const began = performance.now();
      read(lines);
      return performance.now() - began;
    });
    assert.ok(Math.min(...took) < 10, String(Math.min(...took)));
  }
});
