/** How a session's output is held against what was printed. */
import assert from "node:assert/strict";
import { test } from "vitest";
import { matches, stepsOf } from "./sessions.ts";

const [shown, printed, other] = ["1", "2", "3"].map(
  (digit) => `01a223a2-500a-7000-b91f-8c3d85cca0f${digit}`,
) as [string, string, string];

test("a command goes on after a backslash, and its output ends at the next command", () => {
  const text = "$ a \\\n    b\none\n\n$ c\n";
  assert.deepEqual(stepsOf([{ language: "console", text }]), [
    { command: "a \\\n    b", output: "one" },
    { command: "c", output: "" },
  ]);
});

test("ids, times and measured numbers may differ, and nothing else", () => {
  const step = { command: "", output: `{"id":"${shown}","took":0.5,"n":16}` };
  const same = (took: string, n: number) =>
    matches(step, `{"id":"${printed}","took":${took},"n":${n}}`, new Map());
  assert.equal(same("0.25", 16), true);
  assert.equal(same("0", 16), true);
  assert.equal(same("0.25", 17), false);
  assert.equal(same('"late"', 16), false);
});

test("an id stays the one that was printed first", () => {
  const ids = new Map<string, string>();
  const step = { command: "", output: `a ${shown} ${shown}` };
  assert.equal(matches(step, `a ${printed} ${other}`, ids), false);
  assert.equal(matches(step, `a ${printed} ${printed}`, ids), true);
  assert.equal(matches(step, `a ${other} ${other}`, ids), false);
});

test("an ellipsis stands for anything, on a line of its own for any lines", () => {
  const step = { command: "", output: "a\n…\nz {…}" };
  for (const text of ["a\nz {}", "a\nb\nc\nz {1}"])
    assert.equal(matches(step, text, new Map()), true, text);
  assert.equal(matches(step, "a\nb\ny {}", new Map()), false);
});
