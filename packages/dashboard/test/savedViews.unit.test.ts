import assert from "node:assert/strict";
import { test } from "vitest";

test("what a browser holds is read with care, and there are 50 views at most", async () => {
  const { readViews, withView } = await import("../src/tasks/savedViews.ts");
  const view = { name: "failed", query: "status=failed" };
  assert.deepEqual(readViews(JSON.stringify([view, 1, { name: 2 }])), [view]);
  for (const text of [null, "", "{}", "no json", "7"])
    assert.deepEqual(readViews(text), []);
  const again = { name: "failed", query: "q=error:timeout" };
  assert.deepEqual(withView([view], again), [again]);
  const many = Array.from({ length: 60 }, (_, i) => ({
    ...view,
    name: `${i}`,
  }));
  assert.equal(readViews(JSON.stringify(many)).length, 50);
  const full = readViews(JSON.stringify(many));
  assert.equal(withView(full, { ...view, name: "zebra" }), undefined);
  assert.equal(withView(full, { ...view, name: "7" })?.length, 50);
});
