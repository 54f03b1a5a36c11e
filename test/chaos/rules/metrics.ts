/** An outcome's metrics, computed once more from the request, the starts and the text. */
import type { Evidence } from "../evidence.ts";
import type { Entry } from "../journal.ts";
import { msPerToken } from "../fleet.ts";
import type { LoggedEvent } from "../readLog.ts";
import type { LoggedTask } from "../tasks.ts";
import { beganAt, isExcused } from "./excuses.ts";

/** Floats, and timers that fire a little early. */
const slack = 1e-6;
const paceSlack = 0.9;
/** From the worker's clock to the broker's, in s. */
const storedS = 0.5;

export const checkMetrics = (
  { journal }: Evidence,
  tasks: ReadonlyMap<string, LoggedTask>,
): string[] =>
  [...tasks.values()].flatMap((task) =>
    task.outcomes.flatMap((outcome) =>
      wrongMetrics(task, outcome, journal).map(
        (what) => `${task.id}: ${what}: ${JSON.stringify(outcome.data["metrics"])}`, // prettier-ignore
      ),
    ),
  );

function wrongMetrics(
  { requests, starts }: LoggedTask,
  { word, data, time }: LoggedEvent,
  journal: readonly Entry[],
): string[] {
  const metrics = data["metrics"] as Record<string, number>;
  const {
    queue_wait_time: waited = NaN,
    processing_time: ran = NaN,
    total_time: total = NaN,
    prompt_tokens: promptTokens,
    completion_tokens: tokens = NaN,
    tokens_per_second: speed = NaN,
    time_to_first_token: firstToken = 0,
  } = metrics;
  const request = requests[0]?.data ?? {};
  const enqueued = Number(request["enqueue_time"]);
  const first = Number(starts[0]?.data["start_time"]);
  const completed = word === "completed";
  const [start] = starts;
  // A worker that doesn't hear whether its start is stored says it once more, with another time.
  const unsure =
    start !== undefined && isExcused(start, [beganAt(start), time], journal);
  const words = String(data["result"]).split(" ").length;
  const promptLength = String(request["prompt"]).length;
  const checks: Record<string, boolean> = {
    "total_time is not wait and processing": near(total, waited + ran),
    "tokens_per_second is not their quotient": near(speed, ran > 0 ? tokens / ran : 0), // prettier-ignore
    "the first token comes after the end": firstToken <= ran + slack,
    "it ended after its outcome was stored": !(
      enqueued + total >
      time / 1_000 + storedS
    ),
    "queue_wait_time is not until the first start":
      !completed || unsure || near(waited, Math.max(0, first - enqueued)),
    "completion_tokens is not the text's": !completed || tokens === words,
    "prompt_tokens is not the prompt's":
      !completed || promptTokens === Math.max(1, promptLength >> 2),
    "processing_time is too short for its tokens":
      !completed || ran * 1_000 >= tokens * msPerToken * paceSlack,
  };
  return Object.keys(checks).filter((what) => checks[what] !== true);
}

/** Within rounding, as the size of the numbers has it. */
const near = (one: number, other: number): boolean =>
  Math.abs(one - other) <= slack * Math.max(1, Math.abs(one));
