import type { KeyResponse } from "@jetscribe/schema";
import assert from "node:assert/strict";
import { test } from "vitest";
import { changeBody, keyBody } from "../src/keys/keyBody.ts";
import { shownKeys } from "../src/keys/shownKeys.ts";

const formOf = (fields: Record<string, string>): FormData => {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.set(name, value);
  return form;
};

test("what is left empty in the form is left out of the call", () => {
  const least = { name: " team-a ", read: "on", max_tasks: "", days: "" };
  assert.deepEqual(keyBody(formOf(least)), {
    name: "team-a",
    scopes: ["read"],
  });
  const all = { max_tasks: "3", tokens_per_day: "10", days: "1.5", rotate: "on" }; // prettier-ignore
  assert.deepEqual(keyBody(formOf({ name: "b", admin: "on", ...all })), {
    ...{ name: "b", scopes: ["admin"], expires_in: 129_600, rotate: true },
    limits: { max_tasks: 3, tokens_per_day: 10 },
  });
});

test("a change says what is different, and a limit that was emptied is lifted", () => {
  const had = {
    scopes: ["read", "cancel"] as const,
    limits: { max_tasks: 3, tokens_per_day: 10 },
  };
  const same = { read: "on", cancel: "on", max_tasks: "3", tokens_per_day: "10" }; // prettier-ignore
  const changeOf = (fields: Record<string, string>) =>
    changeBody(formOf({ ...same, days: "", ...fields }), {
      ...{ scopes: [...had.scopes], limits: had.limits },
    });
  assert.deepEqual(changeOf({}), {});
  assert.deepEqual(changeOf({ admin: "on", days: "2" }), {
    ...{ scopes: ["read", "cancel", "admin"], expires_in: 172_800 },
  });
  assert.deepEqual(changeOf({ tokens_per_day: " ", never: "on" }), {
    ...{ limits: { max_tasks: 3 }, expires_at: null },
  });
  assert.deepEqual(changeOf({ max_tasks: "", tokens_per_day: "" }), {
    limits: {},
  });
});

const key = (name: string, more: Partial<KeyResponse> = {}): KeyResponse => ({
  ...{ id: name, name, prefix: `jsk_${name}`, source: "api" },
  ...{ status: "active", scopes: ["read"], created_at: 1 },
  ...{ expires_at: null, revoked_at: null, last_used_at: null },
  ...more,
});

test("ended keys are hidden until they are asked for, and the search knows name and prefix", () => {
  const all = [
    key("b"),
    key("a"),
    key("gone", { status: "revoked" }),
    key("root", { source: "settings", prefix: null }),
    key("new", { name: "a", created_at: 2 }),
  ];
  const ids = (text: string, withEnded = false) =>
    shownKeys(all, text, withEnded).map(({ id }) => id);
  assert.deepEqual(ids(""), ["root", "new", "a", "b"]);
  assert.deepEqual(ids("JSK_A"), ["a"]);
  assert.deepEqual(ids("gone"), []);
  assert.deepEqual(ids("gone", true), ["gone"]);
});
