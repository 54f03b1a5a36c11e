/** The checker on evidence that is right, and with one thing wrong in it at a time. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { check } from "./check.ts";
import type { Evidence, LogFiles } from "./evidence.ts";
import { fakeText } from "./fakeText.ts";
import type { Entry } from "./journal.ts";
import type { LoggedEvent } from "./readLog.ts";

const id = "01a20f9e-3dcc-70a4-a39a-aff88e62be25";
const metrics = {
  queue_wait_time: 1.5,
  processing_time: 2,
  total_time: 3.5,
  prompt_tokens: 2,
  completion_tokens: 2,
  tokens_per_second: 1,
};
const result = fakeText("chaos 1 ", 2);
const served = {
  ...{ status: "completed", task_id: id, result },
  ...{ finish_reason: "length", metrics },
};
const line = `[2026-11-24 22:00:05] task_id=${id} status=success prompt_tokens=2 completion_tokens=2 tokens_per_sec=1.00 queue_wait=1.50s processing_time=2.00s total_time=3.50s model="demo" attempt=1`;

const at = Date.parse("2026-11-24T22:00:05.250Z");
/** It was accepted 3.5 s before its outcome, and waited for 1.5 s. */
const enqueue_time = at / 1_000 - 3.5;
const startS = enqueue_time + 1.5;
const request = {
  ...{ prompt: "chaos 1 ", owner: "default", model: "demo" },
  ...{ lane: "interactive", enqueue_time },
};

const answerOf = (status: number, body: Record<string, unknown> = {}) => ({
  ...{ status, body, from: at - 3_500, to: at - 3_400 },
});

const filesWith = (requests: string[], app: string[] = []): LogFiles => ({
  ...{ requests, errorHeads: [], app, sizes: [], rotateBytes: 100 },
});

const completedBy = (attempt: number, worker_id: string) =>
  event("completed", "outcome", {
    ...{ attempt, worker_id, result, finish_reason: "length", metrics },
  });

let seq = 0;
function event(
  word: string,
  part: string,
  data: Record<string, unknown>,
): LoggedEvent {
  seq++;
  const time = at;
  const messageId = `${id}.${part}`;
  return { seq, time, word, queue: "", type: "", messageId, taskId: id, data };
}

/** A task that ran once, and all that was seen of it. */
function evidence(events?: (right: LoggedEvent[]) => LoggedEvent[]): Evidence {
  seq = 0;
  const right = [
    event("requested", "requested", request),
    event("started", "started.1", {
      ...{ attempt: 1, worker_id: "a", start_time: startS },
    }),
    completedBy(1, "a"),
  ];
  const log = events?.(right) ?? right;
  const answer = (body: Record<string, unknown>) => answerOf(200, body);
  const state = [1, "completed", 1, ..."demo......".split("").slice(0, 8)];
  return {
    log,
    told: [
      {
        kind: "short",
        number: 1,
        body: { prompt: "chaos 1 ", max_tokens: 2 },
        answer: answerOf(202, { task_id: id }),
        taskId: id,
        cancels: [],
        results: [],
      },
    ],
    served: new Map([[id, answer(served)]]),
    statuses: new Map([[id, answer({ queue_position: null })]]),
    projection: {
      seq: log.at(-1)?.seq ?? 0,
      caughtUp: true,
      tasks: new Map([[id, [...state, { result }]]]),
      waiting: [],
      running: [],
    },
    logFiles: filesWith([line]),
    said: [],
    workQueues: [
      { name: "infer=demo", pending: 0, ackPending: 0, ackFloor: 1 },
    ],
    sightings: [],
    journal: [],
    ownEnds: [],
    strays: [],
  };
}

const ranTwice = (right: LoggedEvent[]) => [
  ...right.slice(0, 2),
  event("retried", "retried.1", { attempt: 1, reason: "gone" }),
  event("started", "started.2", { attempt: 2, worker_id: "b" }),
  completedBy(2, "b"),
];
/** It could wait for half a second. */
const hurried = event("requested", "requested", {
  ...{ ...request, enqueue_time: 1_000, start_timeout_ms: 500 },
});
const startedAt = (start_time: number) =>
  event("started", "started.1", { attempt: 1, worker_id: "a", start_time });
const expiredAfter = (total_time: number) =>
  event("failed", "outcome", {
    error: { type: "ExpiredError" },
    metrics: { ...metrics, total_time },
  });
const entry: Entry = {
  fault: "kill-inference",
  target: "inference-1",
  workerId: "a",
  from: Date.parse("2026-11-24T22:00:05.100Z"),
  to: Date.parse("2026-11-24T22:00:05.200Z"),
};

test("right evidence has nothing wrong in it", () => {
  assert.deepEqual(check(evidence()), []);
  assert.deepEqual(check({ ...evidence(ranTwice), journal: [entry] }), []);
});

const right = evidence();
const [told] = right.told;
assert.ok(told);
const wrong: [string, Evidence, RegExp][] = [
  [
    "an accepted task is not in the log",
    evidence(() => []),
    /accepted with 202, and not in the log/,
  ],
  [
    "a task has no outcome",
    evidence((all) => all.slice(0, 2)),
    /0 outcomes in the log/,
  ],
  [
    "a task has two outcomes",
    evidence((all) => [...all, event("failed", "outcome", { metrics })]),
    /2 outcomes in the log/,
  ],
  [
    "an outcome has no request",
    evidence((all) => all.slice(1)),
    /begins with started/,
  ],
  [
    "a task ran twice for no reason",
    evidence(ranTwice),
    /ran again \(attempt 2, gone\) for nothing/,
  ],
  [
    "a task is started after its time",
    evidence(([, , end]) => [hurried, startedAt(1_002), end!]),
    /started 1\.5 s after its time/,
  ],
  [
    "a task expires before its time",
    evidence(() => [hurried, expiredAfter(0.4)]),
    /expired after 0\.4 s/,
  ],
  [
    "a task expires that was started",
    evidence(() => [hurried, startedAt(1_000), expiredAfter(1)]),
    /expired, and was started before/,
  ],
  [
    "a task that may wait expires",
    evidence(() => [hurried, expiredAfter(1)]),
    /a short task ended as failed \(ExpiredError\)/,
  ],
  [
    "another result is served",
    {
      ...right,
      served: new Map([[id, answerOf(200, { ...served, result: "word" })]]),
    },
    /the log has another one/,
  ],
  [
    "a task that was accepted was not found",
    {
      ...right,
      told: [{ ...told, results: [answerOf(404)] }],
    },
    /answered 404 after its 202/,
  ],
  [
    "a stream's text is not the result",
    {
      ...right,
      told: [
        {
          ...told,
          stream: {
            text: result.slice(0, 6),
            from: 0,
            resets: 0,
            connections: 1,
            left: 0,
            end: { event: "completed", data: served },
            refused: undefined,
          },
        },
      ],
    },
    /streamed "\w{4} \w"/,
  ],
  [
    "a cancel was confirmed and the task completed",
    { ...right, told: [{ ...told, cancels: [answerOf(200)] }] },
    /\/cancel answered 200/,
  ],
  [
    "a task has two lines",
    { ...right, logFiles: filesWith([line, line]) },
    /2 lines in llm_requests.log/,
  ],
  [
    "a line has other numbers",
    {
      ...right,
      logFiles: filesWith([
        line.replace("total_time=3.50s", "total_time=3.52s"),
      ]),
    },
    /its line is not its event/,
  ],
  [
    "a line is half written",
    {
      ...right,
      logFiles: filesWith([line, line.slice(0, 40)]),
    },
    /a line of no task/,
  ],
  [
    "something waits in Redis",
    { ...right, projection: { ...right.projection, waiting: [id] } },
    /Redis has waiting tasks/,
  ],
  [
    "a delivery is not acknowledged",
    {
      ...right,
      workQueues: [{ name: "q", pending: 0, ackPending: 1, ackFloor: 0 }],
    },
    /1 not acknowledged/,
  ],
  [
    "a process is left behind",
    { ...right, strays: ["7 node"] },
    /was left behind: 7 node/,
  ],
];

for (const [what, found, said] of wrong)
  test(`it is seen where ${what}`, () => {
    assert.match(check(found).join("\n"), said);
  });
