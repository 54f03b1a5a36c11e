/** The checker on evidence that is right, and with one thing wrong in it at a time. */
import assert from "node:assert/strict";
import { test } from "vitest";
import { check } from "./check.ts";
import type { Evidence, LogFiles } from "./evidence.ts";
import { fakeText } from "./fakeText.ts";
import type { Entry } from "./journal.ts";
import type { Told } from "./told.ts";
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
  const state = [1, "completed", 1, ..."demo......".split("").slice(0, 9)];
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

const other = id.replace(/5$/, "6");
/** The same event as if it were the other task's. */
const of = (taskId: string, ...events: LoggedEvent[]) =>
  events.map((one) => ({ ...one, taskId }));
const asked = (more: Record<string, unknown>, one: LoggedEvent) => ({
  ...{ ...one, data: { ...one.data, ...more } },
});
const after = (ms: number, one: LoggedEvent) => ({ ...one, time: at + ms });
const startedAgain = (attempt: number) =>
  event("started", `started.${attempt}`, { attempt, worker_id: "a" });
const lostLease = (attempt: number) => [
  event("retried", `retried.${attempt}`, { attempt, reason: "lease" }),
  startedAgain(attempt + 1),
];
const crashed = (attempt: number) => [
  startedAgain(attempt),
  event("retried", `retried.${attempt}`, { attempt, worker_id: "a", reason: "crash" }), // prettier-ignore
];
const withCompleted = (changes: Record<string, unknown>) =>
  evidence((all) =>
    all.map((one) =>
      one.word === "completed"
        ? { ...one, data: { ...one.data, ...changes } }
        : one,
    ),
  );
const withMetrics = (changes: Partial<typeof metrics>) =>
  withCompleted({ metrics: { ...metrics, ...changes } });
const inCalm = (changes: Partial<Told>): Evidence => {
  const right = evidence();
  return {
    ...right,
    told: right.told.map((one) => ({ ...one, calm: true, ...changes })),
  };
};
const record = {
  ...{ member: "gateway-1", service: "gateway", time: at },
  ...{ level: 30, msg: "ready", line: "" },
};

test("right evidence has nothing wrong in it", () => {
  assert.deepEqual(check(evidence()), []);
  assert.deepEqual(check({ ...evidence(ranTwice), journal: [entry] }), []);
});

test("a task that is for later is not late in calm before its not_before", () => {
  const later = evidence(([requested, ...rest]) => [
    asked({ not_before: at / 1_000 }, after(-6_000, requested!)),
    ...rest,
  ]);
  assert.deepEqual(check({ ...later, told: inCalm({}).told }), []);
});

test("what a fault kept from its deadline is not wrong", () => {
  const late = evidence(([requested, started, completed]) => [
    asked({ cancel_after_ms: 2_000 }, requested!),
    started!,
    after(20_000, completed!),
  ]);
  const tooLate = evidence(([requested, started, completed]) => [
    asked({ cancel_after_ms: 250 }, requested!),
    started!,
    completed!,
  ]);
  const during = { ...entry, fault: "freeze-inference" };
  for (const [of, from, to] of [
    [late, at, at + 10_000],
    [tooLate, at - 3_000, at - 2_500],
  ] as const) {
    const found = (journal: Entry[]) =>
      check({ ...of, journal }).filter((said) => said.includes("deadline"));
    assert.equal(found([]).length, 1);
    assert.deepEqual(found([{ ...during, from, to }]), []);
    const later = { ...during, from: at + 60_000, to: at + 70_000 };
    assert.equal(found([later]).length, 1);
  }
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
    "a task that is not to be retried runs again after a failure",
    evidence(([requested, , completed]) => [
      asked({ no_retry: true }, requested!),
      ...crashed(1),
      startedAgain(2),
      completed!,
    ]),
    /ran again after a failure, and was not to be retried/,
  ],
  [
    "a task that is not to be retried is given up after its second failure",
    evidence(([requested]) => [
      asked({ no_retry: true }, requested!),
      ...[...crashed(1), ...crashed(2)],
      event("failed", "outcome", { error: { type: "WorkerCrashed" }, metrics }),
    ]),
    /WorkerCrashed after 2 failures/,
  ],
  [
    "a task ends long after its deadline",
    evidence(([requested, started, completed]) => [
      asked({ cancel_after_ms: 2_000 }, requested!),
      started!,
      after(20_000, completed!),
    ]),
    /ended 21500 ms after its deadline, as completed/,
  ],
  [
    "a task is cancelled before its deadline",
    evidence(([requested]) => [
      asked({ cancel_after_ms: 3_600 }, requested!),
      event("cancelled", "outcome", {
        ...{ reason: "its cancel_after_ms was over", metrics },
      }),
    ]),
    /cancelled after 3\.5 s, and its deadline is 3600 ms/,
  ],
  [
    "a task starts after its deadline",
    evidence(([requested, started, completed]) => [
      asked({ cancel_after_ms: 250 }, requested!),
      started!,
      completed!,
    ]),
    /started 1250 ms after its deadline/,
  ],
  [
    "a task is started before its not_before",
    evidence(([requested, started, completed]) => [
      asked({ not_before: at / 1_000 + 0.3 }, requested!),
      started!,
      completed!,
    ]),
    /started 300 ms before its not_before/,
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
  [
    "a text is another prompt's",
    withCompleted({ result: fakeText("chaos 2 ", 2) }),
    /not the text that the engine says/,
  ],
  [
    "a broken off text is no beginning",
    evidence(([requested, started]) => [
      requested!,
      started!,
      event("cancelled", "outcome", { metrics, partial_text: "lo" }),
    ]),
    /not the text that the engine says/,
  ],
  [
    "another owner sees a task",
    {
      ...right,
      told: [
        { ...told, strangers: [{ path: "status", answer: answerOf(200) }] },
      ],
    },
    /\/status answered another owner 200/,
  ],
  [
    "a request is another owner's",
    evidence(([, ...rest]) => [
      event("requested", "requested", { ...request, owner: "second" }),
      ...rest,
    ]),
    /asked for with another owner/,
  ],
  [
    "tokens_per_second is no quotient",
    withMetrics({ tokens_per_second: 50 }),
    /tokens_per_second is not their quotient/,
  ],
  [
    "total_time is no sum",
    withMetrics({ total_time: 3 }),
    /total_time is not wait and processing/,
  ],
  [
    "tokens are missing",
    withMetrics({ completion_tokens: 1, tokens_per_second: 0.5 }),
    /completion_tokens is not the text's/,
  ],
  [
    "a prompt has other tokens",
    withMetrics({ prompt_tokens: 9 }),
    /prompt_tokens is not the prompt's/,
  ],
  [
    "queue_wait_time is not until the start",
    withMetrics({ queue_wait_time: 0.5, processing_time: 3, tokens_per_second: 2 / 3 }), // prettier-ignore
    /queue_wait_time is not until the first start/,
  ],
  [
    "an attempt is completed by another worker",
    evidence(([requested, started]) => [
      requested!,
      started!,
      completedBy(1, "b"),
    ]),
    /completed by b, and attempt 1 was started by a/,
  ],
  [
    "a lease is lost again and again",
    evidence((all) => [
      ...all.slice(0, 2),
      ...lostLease(1),
      ...lostLease(2),
      completedBy(3, "a"),
    ]),
    /lost its lease 2 times for nothing/,
  ],
  [
    "a drained task comes back late",
    evidence(([requested, started]) => [
      requested!,
      started!,
      event("retried", "retried.1", { attempt: 1, reason: "drain" }),
      after(16_000, event("started", "started.2", { attempt: 2, worker_id: "b" })), // prettier-ignore
      after(16_000, completedBy(2, "b")),
    ]),
    /handed back, and started only 16000 ms later/,
  ],
  [
    "tasks of a queue overtake one another",
    evidence((all) => [
      ...of(other, all[0]!, event("started", "started.1", { attempt: 1 })),
      ...all.slice(0, 1).map((one) => ({ ...one, seq: 99 })),
      ...of(other, completedBy(1, "a")),
      after(-9_000, all[1]!),
      all[2]!,
    ]),
    /started 9000 ms after 01a20f9e-3dcc-70a4-a39a-aff88e62be25, which was stored later/, // prettier-ignore
  ],
  [
    "two of a group run at once",
    evidence((all) => {
      const grouped = all.map((one) => ({
        ...one,
        data: { ...one.data, group: "g" },
      }));
      const [requested, started, completed] = grouped;
      return [
        requested!,
        ...of(other, { ...requested!, seq: ++seq }),
        started!,
        // A take-over is no other task.
        event("started", "started.2", { attempt: 2, worker_id: "b" }),
        ...of(other, { ...started!, seq: ++seq }),
        ...of(other, { ...completed!, seq: ++seq }),
        { ...completed!, seq: ++seq },
      ];
    }),
    /26: started while 1 of its group ran, of which 1 may run at once/,
  ],
  [
    "a task runs beside one that has one attempt left",
    evidence(([requested, started, completed]) => [
      requested!,
      ...of(other, requested!),
      started!,
      ...of(other, ...crashed(1), ...crashed(2)),
      ...of(other, event("started", "started.3", { attempt: 3, worker_id: "a" })), // prettier-ignore
      { ...completed!, seq: ++seq },
      ...of(other, event("retried", "retried.3", { attempt: 3, worker_id: "a", reason: "crash" })), // prettier-ignore
    ]),
    /25: ran beside 01a20f9e-3dcc-70a4-a39a-aff88e62be26, which had one attempt left/, // prettier-ignore
  ],
  [
    "a record is not in app.log",
    { ...right, said: [record] },
    /app\.log lacks a record of gateway-1: \[2026-11-24 22:00:05\.250\] INFO {2}gateway: ready/, // prettier-ignore
  ],
  [
    "a record has a key",
    {
      ...right,
      secrets: ["jsk_1_2"],
      said: [{ ...record, line: '{"msg":"ready","key":"jsk_1_2"}' }],
    },
    /gateway-1: "ready" has a secret/,
  ],
  [
    "the broker forbids what a service does",
    {
      ...right,
      said: [
        {
          ...{ ...record, line: "forbidden" },
          msg: "the broker forbids what this service does: its allow-list",
        },
      ],
    },
    /gateway-1: forbidden/,
  ],
  [
    "a record has a prompt",
    { ...right, said: [{ ...record, line: '{"err":"chaos 12 words words"}' }] },
    /gateway-1: "ready" has a prompt/,
  ],
  [
    "a log file has a key",
    { ...right, secrets: ["demo"] },
    /line 1 of the log files has a secret/,
  ],
  [
    "a file grows over its limit",
    {
      ...right,
      logFiles: {
        ...right.logFiles,
        sizes: [{ name: "app.log", bytes: 101 }],
      },
    },
    /app\.log has 101 bytes/,
  ],
  [
    "a call is refused in calm",
    inCalm({ results: [{ ...answerOf(503), waitS: 0 }] }),
    /in calm a call was answered 503/,
  ],
  [
    "a wait ends at its deadline",
    inCalm({ results: [{ ...answerOf(200, served), waitS: 10, to: at + 6_000 }] }), // prettier-ignore
    /\?wait=10 said 200 only 6000 ms after the outcome/,
  ],
  [
    "a wait gives no outcome",
    inCalm({ results: [{ ...answerOf(202), waitS: 10, to: at }] }),
    /\?wait=10 said 202 after 3500 ms/,
  ],
  [
    "a task is started late in calm",
    {
      ...evidence(([requested, ...rest]) => [
        after(-6_000, requested!),
        ...rest,
      ]),
      told: [{ ...told, calm: true }],
    },
    /in calm started only after 6000 ms/,
  ],
  [
    "nobody is accepted for a minute",
    {
      ...right,
      told: [
        told,
        { ...told, number: 2, taskId: undefined, answer: answerOf(503) },
        {
          ...{ ...told, number: 3, taskId: undefined },
          answer: { ...answerOf(503), from: at + 60_000, to: at + 60_000 },
        },
      ],
    },
    /no call was accepted in 63500 ms/,
  ],
  [
    "nothing ends for a minute",
    evidence((all) => [...all.slice(0, 2), after(61_000, all[2]!)]),
    /no task ended in 61000 ms without a fault, and 1 were open/,
  ],
  [
    "a listener hears another outcome than the log's",
    {
      ...right,
      heard: {
        outcomes: [
          { seq: 3, word: "completed", taskId: id },
          { seq: 4, word: "cancelled", taskId: id },
        ],
        since: at - 1,
      },
    },
    /heard cancelled at 4, where the log has another event[\s\S]*a listener heard 2 outcomes/, // prettier-ignore
  ],
  [
    "a listener misses an outcome",
    { ...right, heard: { outcomes: [], since: at - 1 } },
    /no listener heard that it was completed/,
  ],
  [
    "something comes of a task that the log lost",
    {
      ...evidence((all) => all.slice(2)),
      told: [{ ...told, lost: true }],
    },
    /begins with completed/,
  ],
];

test("a record that has its line is not missed", () => {
  const app = ["[2026-11-24 22:00:05.250] INFO  gateway: ready port=8000"];
  const logFiles = { ...right.logFiles, app };
  assert.deepEqual(check({ ...right, logFiles, said: [record] }), []);
});

test("a task that waits after a lost lease, until its time is over, ran beside nobody", () => {
  const found = evidence(([requested, started]) => [
    requested!,
    ...of(other, requested!, ...crashed(1), ...crashed(2)),
    started!,
    event("retried", "retried.1", { attempt: 1, worker_id: "a", reason: "lease" }), // prettier-ignore
    ...of(other, ...crashed(3)),
    event("failed", "outcome", {
      attempt: 1,
      worker_id: "a",
      error: { type: "TimeoutError" },
      metrics,
    }),
  ]);
  const beside = check(found).filter((what) => what.includes("ran beside"));
  assert.deepEqual(beside, []);
});

test("a task that starts in the next engine ran beside nobody, though the crash of the last one is stored later", () => {
  const lastCrash = (retry_at: number) =>
    evidence(([requested, started, completed]) => [
      requested!,
      ...of(other, requested!, ...crashed(1), ...crashed(2), startedAgain(3)),
      { ...started!, seq: ++seq },
      ...of(other, event("retried", "retried.3", { attempt: 3, worker_id: "a", reason: "crash", retry_at })), // prettier-ignore
      { ...completed!, seq: ++seq },
    ]);
  const besideIn = (found: Evidence) =>
    check(found).filter((what) => what.includes("ran beside")).length;
  assert.equal(besideIn(lastCrash(startS - 0.001)), 0);
  assert.equal(besideIn(lastCrash(startS + 0.001)), 1);
});

test("a worker on a node that is cut off from its cluster is gone, and one whose connections were cut is not", () => {
  const givenUp = evidence(([requested, started]) => [
    asked({ no_retry: true }, requested!),
    started!,
    event("retried", "retried.1", { attempt: 1, worker_id: "a", reason: "gone" }), // prettier-ignore
    event("failed", "outcome", { error: { type: "WorkerCrashed" }, metrics }),
  ]);
  const cut = {
    fault: "cut-nats",
    workerId: undefined,
    from: at - 1_000,
    to: at,
  };
  const isBlamed = (target: string) =>
    check({ ...givenUp, journal: [{ ...cut, target }] })
      .join("\n")
      .includes("nobody took attempt 1 down (gone)");
  assert.deepEqual(["node-1", "connections-nats"].map(isBlamed), [false, true]);
});

test("a task may be started when it is cancelled, and not long after that", () => {
  const startedAfter = (ms: number) =>
    evidence(([requested]) => [
      requested!,
      event("cancelled", "outcome", { metrics }),
      after(1_000, startedAt((at + ms) / 1_000)),
    ]);
  const ranAfter = (ms: number) =>
    check(startedAfter(ms)).join("\n").includes("ran again after it was");
  assert.deepEqual([-100, 400, 600].map(ranAfter), [false, false, true]);
});

test("the time of a fault is no time in which nothing ends", () => {
  const late = evidence((all) => [...all.slice(0, 2), after(61_000, all[2]!)]);
  const frozen = { ...entry, from: at + 1_000, to: at + 40_000 };
  const said = check({ ...late, journal: [frozen] });
  assert.doesNotMatch(said.join("\n"), /no task ended/);
});

test("what the log lost may be missing", () => {
  const lost = { ...evidence(() => []), told: [{ ...told, lost: true }] };
  const logFiles = filesWith([]);
  const projection = { ...lost.projection, tasks: new Map() };
  assert.deepEqual(check({ ...lost, logFiles, projection }), []);
});

for (const [what, found, said] of wrong)
  test(`it is seen where ${what}`, () => {
    assert.match(check(found).join("\n"), said);
  });
