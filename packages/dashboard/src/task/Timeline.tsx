import type {
  HistoryResponse,
  RecordedEvent,
  TimingPart,
} from "@jetscribe/schema";
import { timingOf } from "@jetscribe/schema/evolve";
import { duration, plural } from "../format.ts";
import { pageTimeS } from "../past/openPast.ts";
import { isOpen } from "../taskStatus.ts";

const meanings = {
  gateway: "from the call's arrival until its request was stored",
  scheduled: "until the time that the request named as not_before",
  queue: "until an attempt started",
  prompt: "until the first token",
  generation: "from the first token until the outcome was stored",
  running: "prompt and generation: the first token is not known yet",
} as const satisfies Record<TimingPart["part"], string>;

/** Where the time went: a bar for each attempt, all on one scale. */
export function Timeline({ history }: { history: HistoryResponse }) {
  const { events, status } = history;
  // An open task's last part goes on until now.
  const now = isOpen(status) ? pageTimeS.value : undefined;
  const timing = timingOf(events as RecordedEvent[], now);
  if (timing === undefined)
    return (
      <section class="timeline">
        <h2>Time</h2>
        <p class="note">
          The log has dropped the task's request, and its times with it.
        </p>
      </section>
    );
  const { parts, total } = timing;
  const attempts = [...Map.groupBy(parts, ({ attempt }) => attempt)];
  const ahead = timing.tasks_ahead;
  const whyEnded = (attempt: number) =>
    events.find(
      (event) =>
        event.type === "GenerateRetried" && event.data.attempt === attempt,
    );
  return (
    <section class="timeline">
      <h2>
        Time <span class="note">{duration(total)} in all</span>
      </h2>
      {attempts.map(([attempt, own]) => {
        const ended = whyEnded(attempt);
        const worker = own.find(({ worker_id }) => worker_id)?.worker_id;
        return (
          <div key={attempt} class="attempt">
            <p>
              Attempt {attempt}
              {worker && <span class="note"> on {worker}</span>}
              {ended?.type === "GenerateRetried" && (
                <span class="failed">
                  {" "}
                  ended: {ended.data.reason}, {ended.data.error.message}
                </span>
              )}
            </p>
            <div class="track" aria-hidden="true">
              {own.map((part) => (
                <i
                  key={part.part + part.start}
                  class={part.part}
                  title={`${part.part}: ${duration(part.seconds)}`}
                  style={{
                    left: percent(part.start - timing.start, total),
                    width: percent(part.seconds, total),
                  }}
                />
              ))}
            </div>
            <ul class="parts">
              {own.map((part) => (
                <li key={part.part + part.start} title={meanings[part.part]}>
                  <i class={part.part} aria-hidden="true" />
                  {part.part} <b>{duration(part.seconds)}</b>
                  {part.part === "queue" && attempt === 1 && ahead && (
                    <span class="note">
                      {" "}
                      behind {plural(ahead.own, "own task")} and{" "}
                      {plural(ahead.others, "other")}
                    </span>
                  )}
                </li>
              ))}
            </ul>
          </div>
        );
      })}
    </section>
  );
}

const percent = (part: number, total: number): string =>
  `${total > 0 ? ((100 * part) / total).toFixed(3) : 0}%`;
