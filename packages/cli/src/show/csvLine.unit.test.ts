import { parse } from "csv-parse/sync";
import fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "vitest";
import { logEvent } from "../../test/logEventTestKit.ts";
import { csvHead, csvLine } from "./csvLine.ts";

type Row = Record<string, string>;

/** As another program reads it, which may take any line end for one. */
const rowsOf = (...lines: string[]): Row[] =>
  parse(csvHead + lines.join(""), {
    columns: true,
    record_delimiter: ["\r\n", "\n", "\r"],
  });

const lineOf = (body: object, withText = true): string =>
  csvLine(logEvent("GenerateFailed", JSON.stringify(body)), withText) ?? "";

/** What a reader does who wants the texts as they were. */
const textIn = (cell = ""): string => (cell.startsWith("'") ? cell.slice(1) : cell); // prettier-ignore

test("the columns stand where they have always stood", () => {
  // What is new stands behind these.
  const head =
    "seq,time,type,model,lane,owner,task_id,user_id,metadata,attempt,worker_id,finish_reason,reason,error_type,error_message,queue_wait_time,processing_time,total_time,prompt_tokens,completion_tokens,prompt,result,not_before,group,retry_of";
  assert.ok(csvHead.startsWith(head));
});

test("a row has what the types share, and is empty where its type has nothing", () => {
  const metrics = { queue_wait_time: 0.5, prompt_tokens: 3, drafted_tokens: 9 };
  const [row] = rowsOf(
    lineOf({
      ...{ task_id: "t", attempt: 2, metrics, partial_text: 'a "b",\r\nc' },
      error: { type: "RuntimeError", message: "no", traceback: "…" },
      metadata: { order: "A,1" },
    }),
  );
  assert.deepEqual(
    Object.entries(row ?? {}).filter(([, cell]) => cell !== ""),
    Object.entries({
      ...{ seq: "7", time: "1970-01-01T00:00:01.500Z", type: "GenerateFailed" },
      ...{ model: "demo", lane: "batch", owner: "a", task_id: "t" },
      ...{ metadata: '{"order":"A,1"}', attempt: "2" },
      ...{ error_type: "RuntimeError", error_message: "no" },
      ...{ queue_wait_time: "0.5", prompt_tokens: "3" },
      result: 'a "b",\r\nc',
    }),
  );
});

test("a task for later has its time in UTC, and what is no time is empty", () => {
  const [later] = rowsOf(lineOf({ not_before: 1_796_108_700.5 }));
  assert.equal(later?.["not_before"], "2026-12-01T07:05:00.500Z");
  for (const not_before of ["soon", null, "", {}, 1e300]) {
    const [row] = rowsOf(lineOf({ not_before, group: "g", retry_of: "r" }));
    const { not_before: none, group, retry_of } = row ?? {};
    assert.deepEqual([none, group, retry_of], ["", "g", "r"]);
  }
});

test("a conversation is JSON, and without texts its cells are empty", () => {
  const messages = [{ role: "user", content: "hi" }];
  const [row] = rowsOf(lineOf({ messages, result: "no" }));
  assert.deepEqual(JSON.parse(row?.["prompt"] ?? ""), messages);
  const [bare] = rowsOf(lineOf({ messages, result: "no", attempt: 1 }, false));
  const { attempt, prompt, result } = bare ?? {};
  assert.deepEqual([attempt, prompt, result], ["1", "", ""]);
});

test("no cell is a formula", () => {
  for (const text of ["=1+1", "+1", "-1", "@x", "\t=1", " =1", "\r=1", "\u00a0-1", "\uff1d1", "\0x", "\x1bx"]) // prettier-ignore
    assert.ok(rowsOf(lineOf({ result: text }))[0]?.["result"]?.startsWith("'"), JSON.stringify(text)); // prettier-ignore
  for (const text of ["a=1", "1-1", "é", "[]", ""])
    assert.equal(rowsOf(lineOf({ result: text }))[0]?.["result"], text);
  // A number is none.
  assert.equal(rowsOf(lineOf({ attempt: -1 }))[0]?.["attempt"], "-1");
});

test("another program reads every text as it was written", () => {
  const piece = fc.constantFrom(
    ..."\"',;=+-@\r\n\t\0 \ufeffa\uff1d",
    '""',
    "\r\n",
  );
  const anyText = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.array(piece).map((pieces) => pieces.join("")),
  );
  const texts = fc.record({
    ...{ user_id: anyText, worker_id: anyText, reason: anyText },
    ...{ prompt: anyText, result: anyText },
  });
  fc.assert(
    fc.property(fc.array(texts, { minLength: 1, maxLength: 5 }), (bodies) => {
      const rows = rowsOf(...bodies.map((body) => lineOf(body)));
      const read = rows.map((row) => ({
        ...{ user_id: textIn(row["user_id"]), worker_id: textIn(row["worker_id"]) }, // prettier-ignore
        ...{ reason: textIn(row["reason"]), prompt: textIn(row["prompt"]) },
        result: textIn(row["result"]),
      }));
      assert.deepEqual(
        read,
        bodies.map((body) => ({ ...body })),
      );
    }),
  );
});
