/** How quick a moment of the past is in a long log, while many tasks wait, and what a page of the log takes. */
import { makeAppender } from "@jetscribe/event-log/append/append";
import {
  completed,
  queue,
  requestedBy,
  started,
} from "@jetscribe/event-log/test/eventLogTestKit";
import { newTaskId, type TaskEvent } from "@jetscribe/schema";
import { percentiles, type Figures, type Options } from "./figures.ts";
import { indexed, openIndexed } from "./openIndexed.ts";

/** Times the number of tasks; each has three events. */
const MANY = 60;
/** So many of them wait or run at any time. */
const OPEN = 2_000;
const AT_ONCE = 1_000;
const CALLS = 100;
/** A busy machine may be late. */
const within = { timeoutMs: 60_000 };

/** Each is asked at other moments: none is known from before. */
const QUESTIONS = {
  "what waited and ran": (seq: number) => `/log/moment?seq=${seq}`,
  "100 tasks": (seq: number) => `/tasks?limit=100&at=${seq}`,
  "100 waiting tasks": (seq: number) =>
    `/tasks?limit=100&status=queued&at=${seq}`,
  "100 tasks that had ended": (seq: number) =>
    `/tasks?limit=100&status=completed&at=${seq}`,
  "100 events": (seq: number) => `/log?limit=100&before=${seq}`,
};

export async function past({ tasks }: Options): Promise<Figures> {
  await using system = await openIndexed(40 * 2 ** 30);
  const { broker, ask } = system;
  using appender = makeAppender(broker, "bench");
  await fill((event) => appender.append(event, queue, within), MANY * tasks);
  const end = await indexed(broker);
  const of = `of ${end.lastSeq.toLocaleString("en")} events`;
  const figures: Figures = {};
  for (const [name, pathAt] of Object.entries(QUESTIONS)) {
    const times: number[] = [];
    for (let i = 0; i < CALLS; i++) {
      const seq = Math.ceil(((i + Math.random()) / CALLS) * end.lastSeq);
      const start = performance.now();
      const { status, body } = await ask(pathAt(seq));
      times.push(performance.now() - start);
      if (status !== 200) throw new Error(`${pathAt(seq)} is answered ${body}`);
    }
    figures[`${name} at a moment ${of}`] = {
      ...percentiles(times),
      max_ms: Math.round(Math.max(...times)),
    };
  }
  return figures;
}

/** Each task is started when `OPEN` / 2 others have been requested since, and ends as many later. */
async function fill(
  append: (event: TaskEvent) => Promise<unknown>,
  count: number,
): Promise<void> {
  const waiting: string[] = [];
  const running: string[] = [];
  let storing: Promise<unknown>[] = [];
  for (let i = 0; i < count; i++) {
    const id = newTaskId();
    storing.push(append(requestedBy(queue, { task_id: id })));
    waiting.push(id);
    const next = waiting.length > OPEN / 2 && waiting.shift();
    if (next) {
      storing.push(append(started(next)));
      running.push(next);
    }
    const done = running.length > OPEN / 2 && running.shift();
    if (done) storing.push(append(completed(done)));
    if (storing.length < AT_ONCE) continue;
    await Promise.all(storing);
    storing = [];
  }
  await Promise.all(storing);
}
