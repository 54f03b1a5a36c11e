import type { FeedEvent, LogResponse } from "@jetscribe/schema";
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, test, vi } from "vitest";
import { loadPart } from "./loadPart.ts";

interface Value<T> {
  value: T;
}
type OpenLog = (
  session: { call: (path: string) => Promise<LogResponse>; headers?: object },
  filter: URLSearchParams,
  at?: number,
) => {
  error: Value<string | undefined>;
  events: Value<readonly FeedEvent[]>;
  isFull: Value<boolean>;
  loading: Value<boolean>;
  loadMore(): Promise<void>;
  close(): void;
};

const { openLog } = await loadPart<{ openLog: OpenLog }>("log/openLog.ts");
afterAll(() => void vi.unstubAllGlobals());

/** The log as of its fifth event; `answers`: one for each call, after them a call stays open. */
function openWith(...answers: (() => Promise<LogResponse>)[]) {
  const paths: string[] = [];
  const call = (path: string) => {
    paths.push(path);
    const answer = answers.shift();
    return answer ? answer() : new Promise<LogResponse>(() => undefined);
  };
  const log = openLog({ call }, new URLSearchParams(), 5);
  return { log, paths };
}

const page = (more: Partial<LogResponse>) => () =>
  Promise.resolve({ first_seq: 1, last_seq: 9, events: [], ...more });

test("a page that can't be read is not read again by itself", async () => {
  const { log, paths } = openWith(() => Promise.reject(new Error("away")));
  await sleep(0);
  assert.equal(log.error.value, "away");
  assert.equal(paths.length, 1);
});

test("a log that was left reads nothing more", async () => {
  const { log, paths } = openWith(() => Promise.reject(new Error("aborted")));
  log.close();
  await sleep(0);
  assert.equal(log.error.value, undefined);
  assert.equal(paths.length, 1);
});

test("behind a page without a match the next one is read", async () => {
  const { log, paths } = openWith(
    page({ next: "/llm/log?before=3" }),
    page({ events: [] }),
  );
  await sleep(0);
  assert.deepEqual(paths, ["/log?limit=100&before=6", "/log?before=3"]);
  assert.equal(log.loading.value, false);
});

test("a list that holds all that it may says so, and reads no more", async () => {
  const event = { type: "GenerateStarted" } as FeedEvent;
  const events = new Array<FeedEvent>(20_000).fill(event);
  const { log, paths } = openWith(page({ events, next: "/log?before=3" }));
  await sleep(0);
  assert.equal(log.events.value.length, 20_000);
  assert.equal(log.isFull.value, false);
  await log.loadMore();
  assert.equal(log.isFull.value, true);
  assert.equal(paths.length, 1);
});

test("a list that holds the whole log is not called full", async () => {
  const events = new Array<FeedEvent>(20_000).fill({} as FeedEvent);
  const { log } = openWith(page({ events }));
  await sleep(0);
  await log.loadMore();
  assert.equal(log.isFull.value, false);
});

test("an event that a snapshot has is shown once, also where a frame brings it again", async () => {
  const frame = (event: string, ...seqs: number[]) => {
    const data = { view: "log", events: seqs.map((seq) => ({ seq })) };
    return `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
  };
  const texts = [frame("snapshot", 7, 6) + frame("events", 7, 8)];
  const allTaken = Promise.withResolvers<void>();
  vi.stubGlobal("fetch", (_url: string, { signal }: RequestInit) => {
    const pull = (controller: ReadableStreamDefaultController) => {
      const text = texts.shift();
      if (text === undefined) return allTaken.resolve();
      controller.enqueue(new TextEncoder().encode(text));
      signal?.addEventListener("abort", () => controller.error("left"));
    };
    // It is pulled only when the page has taken what came before.
    const body = new ReadableStream({ pull }, { highWaterMark: 0 });
    return Promise.resolve(new Response(body));
  });
  const call = () => Promise.reject(new Error("not asked"));
  const log = openLog({ call, headers: {} }, new URLSearchParams());
  await allTaken.promise;
  log.close();
  const seqs = log.events.value.map(({ seq }) => seq);
  assert.deepEqual(seqs, [8, 7, 6]);
});
