import assert from "node:assert/strict";
import { test } from "vitest";
import { ApiError } from "../apiError.ts";
import { answered } from "./askIndex.ts";

test("an index that is behind is no reason not to ask another one, and where none answers it is a 503", async () => {
  let asked = 0;
  const second = () => Promise.resolve(++asked === 2 ? "told" : undefined);
  assert.equal(await answered(second), "told");
  asked = 0;
  const none = () => Promise.resolve(void asked++);
  await assert.rejects(
    answered(none),
    (error) => error instanceof ApiError && error.code === "unavailable",
  );
  assert.equal(asked, 2);
});
