import assert from "node:assert/strict";
import { test } from "vitest";
import { findCode } from "./findCode.ts";

const found = (text: string, code: string) =>
  findCode(text, code).map(({ start, end }) => text.slice(start, end));

test("code is found whatever its line breaks, comments and last commas are", () => {
  const text = "const a = f(\n  x, // why\n  { y },\n);\nf(x);";
  assert.deepEqual(found(text, "f(x, { y })"), [
    "f(\n  x, // why\n  { y },\n)",
  ]);
  assert.deepEqual(found(text, "f(x"), ["f(\n  x", "f(x"]);
  assert.deepEqual(found(text, "f(x, { z })"), []);
  assert.deepEqual(found(text, ""), []);
});

test("what stands in a text or a template text is one token, and is not code", () => {
  const text = 'say("f(x)"); say(`f(x) ${f(x)} f(x)`); // f(x)';
  assert.deepEqual(found(text, "f(x)"), ["f(x)"]);
  assert.deepEqual(found(text, "`f(x) ${ f(x) } f(x)`"), [
    "`f(x) ${f(x)} f(x)`",
  ]);
});

test("a slash divides, or begins a regular expression", () => {
  const text = "a = b / c; d = /[/]'/.test(e) / f;";
  assert.deepEqual(found(text, "b/c"), ["b / c"]);
  assert.deepEqual(found(text, "/[/]'/.test(e)/f"), ["/[/]'/.test(e) / f"]);
});
