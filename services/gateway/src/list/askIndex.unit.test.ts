import assert from "node:assert/strict";
import { test } from "vitest";
import { ApiError } from "../apiError.ts";
import { answered } from "./askIndex.ts";

test("an index that is behind is asked again until one answers", async () => {
  let asked = 0;
  const fifth = () => Promise.resolve(++asked === 5 ? "told" : undefined);
  assert.equal(await answered(fifth, 60_000), "told");
});

test("where none answers in time it is a 503, and the last question was asked after that time", async () => {
  const withinMs = 150;
  const until = performance.now() + withinMs;
  let lastAt = 0;
  const none = () => {
    lastAt = performance.now();
    return Promise.resolve(undefined);
  };
  await assert.rejects(
    answered(none, withinMs),
    (error) => error instanceof ApiError && error.code === "unavailable",
  );
  assert.ok(lastAt >= until, `${until - lastAt} ms before`);
});

test("who may not wait asks once", async () => {
  let asked = 0;
  const none = () => Promise.resolve(void asked++);
  await assert.rejects(answered(none, 0), { code: "unavailable" });
  assert.equal(asked, 1);
});
