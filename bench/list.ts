/** How quick a page of an owner's tasks is, by each filter, where the owner has very many finished tasks. */
import {
  makeAppender,
  type Appender,
} from "@jetscribe/event-log/append/append";
import { newTaskId, type TaskEvent } from "@jetscribe/schema";
import {
  completed,
  failed,
  queue,
  requested,
} from "@jetscribe/schema/test/taskEventsTestKit";
import { percentiles, type Figures, type Options } from "./figures.ts";
import { indexed, openIndexed } from "./openIndexed.ts";

/** Times the number of tasks; each has two events. */
export const finishedPerTask = 200;
const AT_ONCE = 1_000;
const CALLS = 200;
/** A busy machine may be late. */
const within = { timeoutMs: 60_000 };

/** Each of them is asked for pages of 100 tasks. */
const FILTERS = {
  all: "",
  status: "status=completed",
  "status failed": "status=failed",
  "a frequent error": "error=no+outcome",
  "a rare error": "error=out+of+memory",
  "an error that no task has": "error=no+such+error",
  "an error and user_id": "error=no+outcome&user_id=user-7",
  "two statuses": "status=completed,failed",
  user_id: "user_id=user-7",
  model: "model=demo",
  "a pair of metadata": "metadata.tenth=yes",
  "two pairs of metadata": "metadata.tenth=yes&metadata.number=500",
};

export async function list({ tasks }: Options): Promise<Figures> {
  await using system = await openIndexed(20 * 2 ** 30);
  const { broker, ask } = system;
  using appender = makeAppender(broker, "bench");
  const count = finishedPerTask * tasks;
  await fillFinished(appender, count);
  await indexed(broker);
  const figures: Figures = {};
  for (const [name, query] of Object.entries(FILTERS)) {
    const times: number[] = [];
    for (let i = 0; i < CALLS; i++) {
      const start = performance.now();
      const { status, body } = await ask(`/tasks?limit=100&${query}`);
      times.push(performance.now() - start);
      if (status !== 200) throw new Error(`${query} is answered ${body}`);
    }
    const of = count.toLocaleString("en");
    figures[`a page of 100 of ${of} tasks, by ${name}`] = percentiles(times);
  }
  return figures;
}

/** Three in a hundred fail, and few of them of the rare error. */
const failsAt = (number: number) => number % 100 < 3;

function failure(id: string, number: number): TaskEvent {
  const message =
    number % 20_000
      ? `no outcome ${number % 600} s after its first start, at token ${number}`
      : "out of memory: the context takes 2,147,483,648 bytes";
  const error = { type: "TimeoutError" as const, message, traceback: "" };
  return failed(id, 1, { error });
}

/** Stores so many tasks that have ended, one in ten with labels. */
export async function fillFinished(
  appender: Appender,
  count: number,
): Promise<void> {
  for (let from = 0; from < count; from += AT_ONCE)
    await fill(appender, from, Math.min(AT_ONCE, count - from));
}

async function fill(
  appender: Appender,
  from: number,
  count: number,
): Promise<void> {
  const events = Array.from({ length: count }, (_, i): TaskEvent[] => {
    const number = from + i;
    const id = newTaskId();
    const labels = {
      user_id: `user-${(number / 10) % 100}`,
      metadata: { tenth: "yes", number: String((number / 10) % 1_000) },
    };
    const request = requested(id, number % 10 ? {} : labels);
    return [request, failsAt(number) ? failure(id, number) : completed(id)];
  });
  await Promise.all(
    events.flat().map((event) => appender.append(event, queue, within)),
  );
}
