import assert from "node:assert/strict";
import { describe, test } from "vitest";
import { bulkBody } from "../src/tasks/bulk.ts";
import {
  hasOwnPart,
  matches,
  readFilter,
  serverFilter,
  serverQuery,
  type Searchable,
} from "../src/tasks/filter.ts";

const task: Searchable = {
  ...{ task_id: "01a2", model: "demo", lane: "batch" },
  status: "failed",
  ...{ user_id: "Ada L", error_type: "TimeoutError", metadata: { a: "b c" } },
};

describe("a filter", () => {
  test("is read from words, quotes, colons and equal signs", () => {
    const filter = readFilter('user:"Ada L" a="b c" error:time Word', "failed");
    assert.deepEqual(filter, {
      ...{ status: ["failed"], user: "Ada L", error: "time" },
      ...{ metadata: { a: "b c" }, words: ["word"] },
    });
  });

  test("asks the server for what the server knows", () => {
    const filter = readFilter("user:ada model:m owner:o lane:batch k=v", "x");
    assert.equal(hasOwnPart(filter), false);
    assert.deepEqual(serverFilter(filter), {
      ...{ user_id: "ada", model: "m", owner: "o", lane: "batch" },
      metadata: { k: "v" },
    });
    assert.equal(
      serverQuery(filter).toString(),
      "user_id=ada&model=m&owner=o&lane=batch&metadata.k=v",
    );
  });

  test("asks the server for an error's text, and looks for it in what comes live", () => {
    const filter = readFilter('error:"timeoutERROR: too"');
    assert.equal(hasOwnPart(filter), false);
    assert.equal(serverQuery(filter).toString(), "error=timeoutERROR%3A+too");
    assert.ok(matches({ ...task, error_message: "too slow" }, filter));
    assert.ok(!matches(task, readFilter("error:memory")));
    const waiting = { ...task, status: "queued" } as const;
    assert.ok(!matches(waiting, readFilter("error:timeout")));
    assert.equal(bulkBody("cancel", readFilter("error:timeout")), undefined);
    assert.deepEqual(bulkBody("retry", readFilter("error:timeout")), {
      ...{ status: ["failed"], error: "timeout" },
    });
  });

  test("is matched by a task that has all of it", () => {
    for (const text of [
      "",
      'user:"Ada L"',
      'a="b c"',
      "lane:batch",
      "ADA",
      "a=b",
    ])
      // prettier-ignore
      assert.equal(matches(task, readFilter(text)), text !== "a=b", text);
    assert.ok(!matches(task, readFilter("", "queued,completed")));
  });

  test("owner:* means every owner, in lists alone", () => {
    const filter = readFilter("owner:*");
    assert.equal(serverQuery(filter).get("owner"), "*");
    assert.ok(matches({ ...task, owner: "team-b" }, filter));
    assert.equal(bulkBody("cancel", filter), undefined);
    assert.ok(bulkBody("cancel", readFilter("owner:team-b")));
  });

  test("half a word is a word, and nothing is lost of odd ones", () => {
    assert.deepEqual(readFilter("user: =x :y").words, ["user:", "=x", ":y"]);
    assert.deepEqual(readFilter('"a b').words, ["a b"]);
    const odd = readFilter("__proto__=x");
    assert.deepEqual(Object.keys(odd.metadata), ["__proto__"]);
  });
});
