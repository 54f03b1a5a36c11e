import type { CompletedTask, TokenChunk } from "@jetscribe/schema";
import fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "vitest";
import { makeTextFeed, type StreamEvent } from "./textFeed.ts";

const chunk = (
  attempt: number,
  n: number,
  offset: number,
  text: string,
): TokenChunk => ({
  ...{ worker_id: "w", attempt, n, offset, text },
  ...{ completion_tokens: 1, prompt_tokens: 1 },
});

const completed = (attempt: number, result: string): CompletedTask => ({
  ...{ task_id: "t", seq: 1, model: "demo", lane: "interactive", owner: "a" },
  ...{ enqueue_time: 1, timeout_ms: 1, start_timeout_ms: 1, failures: 0 },
  ...{ max_tokens: 16 },
  ...{ status: "completed", attempt, result, finish_reason: "stop" },
  ...{ end_time: 2, end_seq: 3 },
  metrics: {
    ...{ queue_wait_time: 0, processing_time: 0, total_time: 0 },
    ...{ prompt_tokens: 1, completion_tokens: 1, tokens_per_second: 0 },
  },
});

/** What a reader has after these events. */
function textOf(events: readonly StreamEvent[], before = ""): string {
  let text = before;
  for (const { event, data } of events) {
    if (event === "reset") text = "";
    if (event === "token") text += (data as { text: string }).text;
  }
  return text;
}

const names = (events: readonly StreamEvent[]) =>
  events.map(({ event, id }) => (id === undefined ? event : `${event} ${id}`));

test("chunks become tokens, each once, and the outcome ends them", () => {
  const feed = makeTextFeed();
  const one = feed.take(chunk(1, 1, 0, "one ")) ?? [];
  const again = feed.take(chunk(1, 1, 0, "one ")) ?? [];
  const two = feed.take(chunk(1, 2, 4, "two ")) ?? [];
  const end = feed.end(completed(1, "one two three"));
  assert.deepEqual(names([...one, ...again, ...two, ...end]), [
    ...["token 1.1", "token 1.2", "token 1.end", "completed end"],
  ]);
  assert.equal(textOf([...one, ...two, ...end]), "one two three");
});

test("a chunk that is heard once more behind a later one counts for nothing", () => {
  const feed = makeTextFeed();
  feed.take(chunk(1, 1, 0, "a"));
  feed.take(chunk(1, 2, 1, "b"));
  assert.deepEqual(feed.take(chunk(1, 1, 0, "a")), []);
  assert.deepEqual(names(feed.end(completed(1, "abc"))), [
    ...["token 1.end", "completed end"],
  ]);
});

test("a hole is filled from what is stored", () => {
  const feed = makeTextFeed();
  feed.take(chunk(1, 1, 0, "a"));
  assert.equal(feed.take(chunk(1, 3, 2, "c")), undefined);
  const stored = [
    chunk(1, 1, 0, "a"),
    chunk(1, 2, 1, "b"),
    chunk(1, 3, 2, "c"),
  ];
  assert.equal(textOf(feed.catchUp(stored), "a"), "abc");
  assert.deepEqual(feed.take(chunk(1, 3, 2, "c")), []);
});

test("text that is nowhere any more comes with the outcome, without a repeat", () => {
  const feed = makeTextFeed();
  assert.deepEqual(feed.catchUp([chunk(1, 5, 10, "late")]), []);
  assert.deepEqual(feed.take(chunk(1, 6, 14, "r")), []);
  const end = feed.end(completed(1, "0123456789later"));
  assert.equal(textOf(end), "0123456789later");
});

test("an attempt that continues leaves no seam", () => {
  const feed = makeTextFeed();
  feed.take(chunk(1, 1, 0, "one "));
  assert.deepEqual(feed.take(chunk(2, 0, 4, "")), []);
  const next = feed.take(chunk(2, 1, 4, "two")) ?? [];
  assert.deepEqual(names(next), ["token 2.1"]);
  assert.equal(textOf(next, "one "), "one two");
});

test("what a lost worker still said is dropped, or taken back", () => {
  const feed = makeTextFeed();
  feed.take(chunk(1, 1, 0, "one "));
  const late = feed.take(chunk(1, 2, 4, "NO")) ?? [];
  assert.equal(feed.take(chunk(2, 0, 4, "")), undefined);
  const stored = [chunk(1, 1, 0, "one "), chunk(2, 0, 4, "")];
  const back = feed.catchUp(stored);
  assert.deepEqual(names(back), ["reset", "token 2.0"]);
  assert.equal(textOf([...late, ...back], "one "), "one ");
  assert.deepEqual(feed.take(chunk(1, 3, 6, "NO")), []);
});

test("an attempt that starts over resets its readers", () => {
  const feed = makeTextFeed();
  feed.take(chunk(1, 1, 0, "one "));
  assert.deepEqual(names(feed.take(chunk(2, 0, 0, "")) ?? []), ["reset"]);
  assert.deepEqual(names(feed.take(chunk(2, 1, 0, "ONE")) ?? []), [
    "token 2.1",
  ]);
});

test("an attempt between that was not heard, and kept less, resets its readers", () => {
  const feed = makeTextFeed();
  const heard = chunk(1, 1, 0, "one");
  feed.take(heard);
  const marker = chunk(3, 0, 3, "");
  assert.equal(feed.take(marker), undefined);
  const between = [chunk(2, 0, 0, ""), chunk(2, 1, 0, "ONE")];
  const events = feed.catchUp([heard, ...between, marker]);
  assert.deepEqual(names(events), ["reset", "token 3.0"]);
  assert.equal(textOf(events, "one"), "ONE");
});

test("an outcome of an attempt that was never heard replaces the text", () => {
  const feed = makeTextFeed();
  feed.take(chunk(1, 1, 0, "one "));
  const end = completed(2, "other");
  assert.equal(feed.mayDiffer(end), true);
  assert.equal(textOf(feed.end(end), "one "), "other");
});

test("whoever comes back with an id that nobody knows starts over", () => {
  for (const id of ["9.9", "nonsense", "", "1", "1.x"]) {
    const feed = makeTextFeed();
    const stored = [chunk(1, 1, 0, "a")];
    const events = [...feed.resume(id, stored), ...feed.catchUp(stored)];
    assert.deepEqual(names(events), ["reset", "token 1.1"]);
  }
});

test("whoever lost the connection between the last text and the outcome gets the outcome only", () => {
  const stored = [chunk(1, 1, 0, "a"), chunk(1, 2, 1, "b")];
  const task = completed(1, "abc");
  for (const heard of [0, 1, 2]) {
    const before = makeTextFeed();
    for (const each of stored.slice(0, heard)) before.take(each);
    const id = before.end(task)[0]?.id ?? "";
    const feed = makeTextFeed();
    const events = [
      ...feed.resume(id, stored, task),
      ...feed.catchUp(stored),
      ...feed.end(task),
    ];
    assert.deepEqual(names(events), ["completed end"]);
  }
});

/** What several attempts store, each taking over from the one before at some place. */
const history = fc
  .array(
    fc.record({
      pieces: fc.array(fc.string({ minLength: 1, maxLength: 3 }), {
        maxLength: 5,
      }),
      keeps: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
    { minLength: 1, maxLength: 4 },
  )
  .map((attempts) => {
    const stored: TokenChunk[] = [];
    let text = "";
    attempts.forEach(({ pieces, keeps }, i) => {
      const attempt = i + 1;
      if (attempt > 1) {
        const kept = keeps < 0.3 ? 0 : Math.floor(text.length * keeps);
        text = text.slice(0, kept);
        stored.push(chunk(attempt, 0, kept, ""));
      }
      pieces.forEach((piece, j) => {
        stored.push(chunk(attempt, j + 1, text.length, piece));
        text += piece;
      });
    });
    return { stored, task: completed(attempts.length, `${text}.`) };
  });

test("whatever is heard, lost, repeated or reconnected, the reader has the result in the end", () => {
  fc.assert(
    fc.property(
      history,
      fc.infiniteStream(fc.integer({ min: 0, max: 9 })),
      ({ stored, task }, dice) => {
        let feed = makeTextFeed();
        let text = "";
        let lastId: string | undefined;
        const give = (events: readonly StreamEvent[]) => {
          text = textOf(events, text);
          for (const { id } of events) lastId = id ?? lastId;
        };
        const reconnect = (
          upTo: readonly TokenChunk[],
          ended?: CompletedTask,
        ) => {
          feed = makeTextFeed();
          if (lastId !== undefined) give(feed.resume(lastId, upTo, ended));
          else text = "";
          give(feed.catchUp(upTo));
        };
        stored.forEach((one, i) => {
          const upTo = stored.slice(0, i + 1);
          const fate = Number(dice.next().value);
          if (fate === 0) return; // not heard
          if (fate === 1) return reconnect(upTo);
          const heard = fate === 2 ? [one, one] : [one];
          // A worker that lost its task says one thing more, which is refused.
          if (stored[i + 1]?.n === 0 && fate < 6) {
            const { attempt, n, offset, text: said } = one;
            heard.push(chunk(attempt, n + 1, offset + said.length, "LOST"));
          }
          for (const each of heard) give(feed.take(each) ?? feed.catchUp(upTo));
        });
        if (Number(dice.next().value) < 3) reconnect(stored, task);
        for (let last = 9; last >= 3;) {
          if (feed.mayDiffer(task)) give(feed.catchUp(stored));
          const events = feed.end(task);
          last = Number(dice.next().value);
          // The connection breaks before the outcome.
          give(last < 3 ? events : events.slice(0, -1));
          if (last >= 3) reconnect(stored, task);
        }
        if (text !== task.result) assert.equal(text, task.result);
      },
    ),
    { numRuns: 2_000 },
  );
});
