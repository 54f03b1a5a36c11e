/** The rules of idempotency keys, of cancels by filter and of lists, on evidence that is right and with one thing wrong in it. */
import assert from "node:assert/strict";
import { test } from "vitest";
import type { Evidence } from "../evidence.ts";
import type { Told } from "../told.ts";
import type { LoggedEvent } from "../readLog.ts";
import { tasksOf } from "../tasks.ts";
import type { Listed, Walk } from "../walkLists.ts";
import { checkIdempotency } from "./idempotency.ts";
import { checkLists } from "./lists.ts";
import { checkSweeps } from "./sweeps.ts";

const at = Date.parse("2026-11-24T22:00:05.250Z");
const [one, other] = [
  "01a20f9e-3dcc-70a4-a39a-aff88e62be25",
  "01a20f9e-3dcc-70a4-a39a-aff88e62be26",
];
const answer = (status: number, body: Record<string, unknown> = {}) => ({
  ...{ status, body, from: at, to: at + 10 },
});
const accepted = (task_id: string) => answer(202, { task_id });
const told: Told = {
  ...{ kind: "short", number: 1, body: {}, cancels: [], results: [] },
  ...{ answer: accepted(one), taskId: one, idempotencyKey: "call 1" },
};
const again = (task_id: string) => ({ ...accepted(task_id), replayed: true });

let seq = 0;
const event = (
  taskId: string,
  word: string,
  ms: number,
  data: Record<string, unknown> = {},
): LoggedEvent => ({
  ...{ seq: ++seq, time: at + ms, word, taskId, data },
  ...{ queue: "infer=demo=interactive=default", type: "", messageId: "" },
});
const log = [
  event(one, "requested", -900),
  event(other, "requested", -800),
  event(one, "started", -700, { attempt: 1 }),
  event(one, "retried", -600, { attempt: 1 }),
  event(one, "started", -500, { attempt: 2 }),
  event(one, "completed", -400),
  event(other, "cancelled", 5, { reason: "" }),
];
const tasks = tasksOf(log);
const evidence = (changes: Partial<Evidence>): Evidence =>
  ({ log, told: [], ...changes }) as Evidence;

const common = { model: "demo", lane: "interactive" };
const s = (ms: number) => (at + ms) / 1_000;
const done: Listed = {
  ...{ ...common, task_id: one, status: "completed", attempt: 2 },
  ...{ requested_at: s(-900), started_at: s(-700), ended_at: s(-400) },
};
const open: Listed = {
  ...{ ...common, task_id: other, status: "queued", attempt: 0 },
  requested_at: s(-800),
};
const gone: Listed = { ...open, status: "cancelled", ended_at: s(5) };
const listed = (tasks: Listed[], changes: Partial<Walk> = {}) =>
  evidence({
    lists: [
      {
        ...{ owner: "default", filter: {}, from: at, whole: true },
        pages: [{ from: at, to: at + 20, tasks }],
        ...changes,
      },
    ],
  });
const swept = (cancelled: number, doneAt: number) => ({
  ...{ ...told, taskId: other, body: { metadata: { bulk: "b" } } },
  swept: { cancelled, doneAt, unsure: false },
});

const repeated = (repeats: Told["repeats"], others: Told["others"] = []) =>
  checkIdempotency(evidence({ told: [{ ...told, repeats, others } as Told] }));
const sweptSo = (...all: Told[]) => checkSweeps(evidence({ told: all }), tasks);
const listedSo = (...found: Parameters<typeof listed>) =>
  checkLists(listed(...found), tasks);

test("right evidence has nothing wrong in it", () => {
  const lost = answer(0);
  const right = [
    repeated([lost, accepted(one), again(one), answer(503)], [answer(422)]),
    sweptSo(swept(1, at + 10)),
    listedSo([open, done]),
    listedSo([gone, done]),
    listedSo([done], { filter: { status: "completed" } }),
    // It came to its end in the meantime, and only a part of the list was seen.
    listedSo([], { filter: { status: "queued,processing" } }),
    listedSo([open], { whole: false }),
  ];
  assert.deepEqual(right.flat(), []);
});

const wrong: [string, string[], RegExp][] = [
  [
    "a key has two tasks",
    repeated([accepted(one), again(other)]),
    /its Idempotency-Key got 2 tasks/,
  ],
  [
    "two calls with one key made its task",
    repeated([accepted(one), accepted(one)]),
    /2 answers say that they made its task/,
  ],
  [
    "another request has the key",
    repeated([accepted(one)], [accepted(one)]),
    /another one with its Idempotency-Key got 202/,
  ],
  [
    "a task ends after it was cancelled",
    sweptSo(swept(1, at - 100)),
    /cancelled 105 ms after its batch was cancelled/,
  ],
  [
    "a cancel tells of more tasks than there are",
    sweptSo(swept(2, at + 10)),
    /2 tasks were told to be cancelled, and 1 are in the log/,
  ],
  [
    "a cancel keeps back what it did",
    sweptSo(swept(0, at + 10)),
    /0 tasks were told to be cancelled, and 1 are in the log/,
  ],
  [
    "a task was not run again",
    sweptSo({ ...swept(1, at + 10), ranAgain: true }),
    /was not run again with its batch/,
  ],
  ["a task is not listed", listedSo([open]), /is not listed to default/],
  [
    "a task is listed twice",
    listedSo([open, done, done]),
    /listed to default behind/,
  ],
  [
    "the oldest task is listed first",
    listedSo([done, open]),
    /listed to default behind/,
  ],
  [
    "a task of another owner is listed",
    listedSo([open], { owner: "second" }),
    /of default, and listed to second/,
  ],
  [
    "a task is listed as it was before",
    listedSo([open, { ...done, status: "processing" }]),
    /listed as .*, the log has/,
  ],
  [
    "a task is listed as what it becomes later",
    listedSo([gone, done], { pages: [{ from: at, to: at, tasks: [gone] }] }),
    /listed as .*, the log has/,
  ],
  [
    "an attempt is not counted",
    listedSo([open, { ...done, attempt: 1 }]),
    /listed as .*, the log has/,
  ],
  [
    "a time is wrong",
    listedSo([open, { ...done, started_at: s(-500) }]),
    /listed as .*, the log has/,
  ],
  [
    "a task is listed that does not match",
    listedSo([open, done], { filter: { status: "completed" } }),
    /listed as .*, the log has/,
  ],
  [
    "a task is listed that the log does not have",
    listedSo([{ ...open, task_id: other.replace("26", "27") }]),
    /is listed and not in the log/,
  ],
];

for (const [what, said, expected] of wrong)
  test(`it is seen where ${what}`, () => {
    assert.match(said.join("\n"), expected);
  });
