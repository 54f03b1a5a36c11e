import assert from "node:assert/strict";
import { test } from "vitest";
import { readModels } from "./readModels.ts";

/** Without what the list doesn't say. */
const read = (body: unknown): unknown => {
  const models = readModels(JSON.stringify(body));
  return models && JSON.parse(JSON.stringify(models));
};

test("a list of models is read as OpenAI has it, and as a bare list", () => {
  const models = [{ id: "a", owned_by: "vllm", max_model_len: 64 }, "b"];
  const listed = [{ id: "a", ownedBy: "vllm", contextSize: 64 }, { id: "b" }];
  assert.deepEqual(read({ object: "list", data: models }), listed);
  assert.deepEqual(read(models), listed);
});

test("a model is listed whatever else is said of it", () => {
  for (const odd of [
    { owned_by: null },
    { owned_by: 7 },
    { max_model_len: -1 },
    { max_model_len: "64" },
    { meta: null },
    { meta: { n_ctx: 0.5 } },
  ])
    assert.deepEqual(read([{ id: "a", ...odd }]), [{ id: "a" }]);
  assert.deepEqual(read([null, 7, {}, { id: 7 }, { id: "a" }]), [{ id: "a" }]);
});

test("what is no list of models is none", () => {
  for (const body of ["", "<html>", "null", "7", '{"data":null}', "{}"])
    assert.equal(readModels(body), undefined);
});
