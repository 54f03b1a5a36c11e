import { timingOf, type TaskEvent } from "@jetscribe/schema";
import {
  completed,
  requested,
  started,
} from "@jetscribe/schema/test/taskEventsTestKit";
import assert from "node:assert/strict";
import { test } from "vitest";
import { logEvent } from "../../test/logEventTestKit.ts";
import { detailsOf } from "./eventText.ts";
import { jsonLine } from "./jsonLine.ts";
import { makeTellLag } from "./lag.ts";
import { plain, type Paint } from "./paint.ts";
import { describe } from "./progress.ts";
import { tableOf, type Listed } from "./subscribers.ts";
import { timeline } from "./timeline.ts";
import { span } from "./times.ts";

const unpainted: Paint = (_, text) => text;
const id = "01a226bc-4490-7000-815d-fa9c1108656f";

test("spans of time are told in the units that fit them", () => {
  const cases: [number, string][] = [
    ...([
      [0, "0 ms"],
      [0.0034, "3 ms"],
      [1.254, "1.25 s"],
      [12, "12 s"],
    ] as const),
    ...([
      [125, "2 m 5 s"],
      [12_000, "3 h 20 m"],
      [353_000, "4 d 2 h"],
    ] as const),
  ].map(([seconds, text]) => [seconds, text]);
  for (const [seconds, text] of cases) assert.equal(span(seconds), text);
});

test("text from elsewhere moves no cursor and breaks no line", () => {
  assert.equal(
    plain("a\x1b[2J\nb\r\tc\u202ed\u2028e"),
    "a\\u001b[2J\\nb\\u000d\\tc\\u202ed\\u2028e",
  );
  assert.equal(plain("Grüße 👋"), "Grüße 👋");
});

test("a request for later says when, a day and a time", () => {
  const details = (over: object) =>
    detailsOf({ ...requested(id, over), ...{ seq: 1, time: 1 } });
  assert.doesNotMatch(details({}), /before/);
  const not_before = new Date(2026, 11, 1, 7, 5).getTime() / 1_000;
  assert.match(
    details({ not_before }),
    /, not before 2026-12-01 07:05:00\.000(?:,|$)/,
  );
});

test("the bars of a timeline lie one after the other, and the shortest is seen", () => {
  const recorded = (event: TaskEvent, seq: number, time: number) => ({
    ...event,
    ...{ seq, time },
  });
  const timing = timingOf([
    recorded(requested(id, { enqueue_time: 100 }), 1, 100),
    recorded(started(id, 1, { start_time: 105 }), 2, 105),
    recorded(completed(id), 3, 110),
  ]);
  assert.ok(timing);
  assert.deepEqual(timeline(timing, unpainted, 70), [
    "  gateway          0 ms  ▏",
    "  queue             5 s  ██████████",
    "  running           5 s            ██████████  attempt 1, w1",
  ]);
});

test("progress has a share, a rate and what is left", () => {
  const state = { what: "replay", done: 500, total: 2_000, seconds: 2 };
  assert.equal(
    describe(state),
    "replay  ██████░░░░░░░░░░░░░░░░░░  25 %  250/s  6 s left",
  );
  assert.equal(describe({ ...state, total: 0 }), "replay, 2 s so far");
});

test("a line of JSON has the body as it stands in the log, in one line", () => {
  const line = (body: string, withText = true) =>
    jsonLine(logEvent("GenerateStarted", body), withText);
  assert.equal(
    line('{"n":1.0, "ü":"\\n"}'),
    '{"seq":7,"time":1.5,"type":"GenerateStarted","model":"demo","lane":"batch","owner":"a","data":{"n":1.0, "ü":"\\n"}}\n',
  );
  assert.match(line('{"n":\n1}') ?? "", /"data":\{"n":1\}\}\n$/);
  for (const body of ["", "17", "null", "[]", "{", "\xff"])
    assert.equal(line(body), undefined, body);
});

test("without texts a line has nothing that a person, a model or an engine wrote", () => {
  const error = { type: "RuntimeError", message: "why", traceback: "secret" };
  const texts = { prompt: "secret", messages: [], partial_text: "secret" };
  const webhook = { url: "https://a.example/?token=secret" };
  const body = { attempt: 1, ...texts, stderr_tail: "secret", error, webhook };
  const line = jsonLine(logEvent("GenerateFailed", JSON.stringify(body)), false); // prettier-ignore
  const { data } = JSON.parse(line ?? "") as { data: unknown };
  const { traceback: _, ...shown } = error;
  assert.deepEqual(data, { attempt: 1, error: shown });
});

test("a lag is told of once, again when it has doubled, and when it is over", () => {
  const told: string[] = [];
  const tell = makeTellLag(false, (line) => told.push(line.slice(0, 12)));
  // Of events of the past nobody is told that they wait.
  for (const pending of [5_000, 0, 999, 1_000, 1_999, 2_000, 1, 0, 0])
    tell(pending);
  assert.deepEqual(told, ["1,000 events", "2,000 events", "caught up"]);
});

test("a list of subscribers has each number below its title, and a dash for what is not known", () => {
  const whole: Listed = {
    ...{ name: "whole", durable: true, account: true, connected: true },
    ...{ pending: 1_234, in_hand: 2, missed: 3, text: true },
    filters: ["llm.events.>"],
  };
  const gone: Listed = {
    ...{ name: "gone", durable: false, account: true, connected: null },
    ...{ pending: null, in_hand: null, missed: null, text: null },
    filters: [],
  };
  const away = { ...whole, name: "away", connected: false, text: false };
  const shut = { ...whole, name: "shut", account: false };
  assert.deepEqual(tableOf([whole, gone, away, shut], unpainted).split("\n"), [
    "name   waiting  in hand  missed  state        texts  events",
    "whole  1,234    2        3       reads        yes    llm.events.>",
    "gone   -        -        -       no consumer  -",
    "away   1,234    2        3       away         no     llm.events.>",
    "shut   1,234    2        3       no account   yes    llm.events.>",
    "",
  ]);
});
