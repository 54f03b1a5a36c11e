import {
  evolve,
  HistoryResponse,
  type RecordedEvent,
  type Scope,
  type TaskEvent,
  type TaskState,
} from "@jetscribe/schema";
import {
  cancelled,
  completed,
  failed,
  requested,
  retried,
  started,
} from "@jetscribe/schema/test/taskEventsTestKit";
import assert from "node:assert/strict";
import { describe, test } from "vitest";
import { historyOf } from "./historyOf.ts";

const id = "019ab5e2-7c00-7000-8000-0000000000a1";
const metadata = { order: "A-17" };
const lives: TaskEvent[][] = [
  [
    requested(id, {
      ...{ metadata, prompt: "SECRET of prompt" },
      webhook: { url: "https://a.example/?token=SECRET" },
    }),
    started(id, 1),
    retried(id, 1, { stderr_tail: "SECRET of stderr" }),
    started(id, 2),
    completed(id, 2, {
      ...{ result: "SECRET of result", reasoning: "SECRET of reasoning" },
    }),
  ],
  [
    requested(id, {
      prompt: undefined,
      messages: [{ role: "user", content: "SECRET of messages" }],
    }),
    failed(id, 1, { partial_text: "SECRET of partial text" }),
  ],
  [requested(id), cancelled(id, { partial_text: "SECRET of partial text" })],
];

const reads: Scope[] = ["read", "read:text"];

function shown(
  life: TaskEvent[],
  withText: boolean,
  now = 2_000,
  reader: Parameters<typeof historyOf>[2] = {
    scopes: new Set<Scope>(withText ? reads : ["read"]),
  },
) {
  const events = life.map((event, i): RecordedEvent => ({
    ...event,
    ...{ seq: i + 1, time: 1_000 + i },
  }));
  const task = events.reduce<TaskState | undefined>(evolve, undefined);
  assert.ok(task);
  return historyOf(task, events, reader, { nowS: () => now });
}

describe("a history", () => {
  test("without texts has everything else", () => {
    for (const life of lives) {
      const { events, status } = shown(life, false);
      const text = JSON.stringify(events);
      assert.doesNotMatch(text, /SECRET|traceback|"(prompt|messages|result)"/);
      const whole = shown(life, true);
      assert.equal(status, whole.status);
      assert.equal(events.length, life.length);
      for (const [i, { seq, time, type, data }] of events.entries()) {
        assert.deepEqual([seq, time, type], [i + 1, 1_000 + i, life[i]?.type]);
        assert.equal(data.task_id, id);
      }
    }
    const [first] = shown(lives[0] ?? [], false).events;
    assert.ok(first?.type === "GenerateRequested");
    assert.deepEqual(first.data.metadata, metadata);
  });

  test("has the webhook for keys that may name one, and for no link or token", () => {
    const [life = []] = lives;
    const namesWebhook = (
      scopes: Scope[],
      over: { link?: { all_owners: boolean }; token_expires_at?: number } = {},
    ) => {
      const reader = { scopes: new Set<Scope>(scopes), ...over };
      const text = JSON.stringify(shown(life, true, 2_000, reader));
      return text.includes("a.example");
    };
    assert.ok(namesWebhook([...reads, "generate"]));
    assert.ok(!namesWebhook(reads));
    assert.ok(!namesWebhook(["read", "generate"]));
    const passedOn: Scope[] = [...reads, "generate"];
    assert.ok(!namesWebhook(passedOn, { link: { all_owners: false } }));
    assert.ok(!namesWebhook(passedOn, { token_expires_at: 9_999 }));
  });

  test("of a task whose result has expired has the prompt, and no text of the outcome", () => {
    const life = [
      requested(id, { result_ttl_ms: 5_000 }),
      completed(id, 1, { result: "SECRET of result" }),
    ];
    assert.match(JSON.stringify(shown(life, true, 1_005)), /SECRET/);
    const expired = JSON.stringify(shown(life, true, 1_006));
    assert.doesNotMatch(expired, /SECRET/);
    assert.match(expired, /a secret prompt/);
  });

  test("with texts has all but what is for the operator, and folds to the same state", () => {
    const texts = lives.flatMap((life) =>
      [...JSON.stringify(shown(life, true)).matchAll(/SECRET of [a-z ]+/g)].map(
        ([text]) => text,
      ),
    );
    assert.deepEqual(texts, [
      ...["SECRET of prompt", "SECRET of result", "SECRET of reasoning"],
      ...["SECRET of messages", "SECRET of partial text"],
      "SECRET of partial text",
    ]);
    for (const life of lives) {
      const history = shown(life, true);
      HistoryResponse.parse(history);
      const task = (history.events as RecordedEvent[]).reduce<
        TaskState | undefined
      >(evolve, undefined);
      assert.equal(task?.status, history.status);
    }
  });
});
