/**
 * How long things take while nothing is done to the system: bounds that a slow machine keeps, and a system that only
 * comes to itself at a deadline or a sweep doesn't.
 */
import type { Answer } from "../client.ts";
import type { Evidence } from "../evidence.ts";
import { msPerToken } from "../fleet.ts";
import type { Told } from "../told.ts";
import type { LoggedEvent } from "../readLog.ts";
import type { LoggedTask } from "../tasks.ts";

const acceptedMs = 5_000;
const startedMs = 5_000;
/** Beyond what its tokens take. */
const finishedMs = 5_000;
/** From the outcome in the log to whoever waits for it. */
const toldMs = 5_000;
/** By two clocks. */
const earlyMs = 500;

export const checkBounds = (
  { told }: Evidence,
  tasks: ReadonlyMap<string, LoggedTask>,
): string[] =>
  told
    .filter(({ calm }) => calm)
    .flatMap((one) => {
      const task = tasks.get(one.taskId ?? "");
      const name = one.taskId ?? `call ${one.number}`;
      const late = [
        ...checkAnswer(one),
        ...(task === undefined ? [] : checkTask(one, task)),
      ];
      return late.map((what) => `${name}: in calm ${what}`);
    });

function checkAnswer({ answer, results, cancels, strangers = [] }: Told) {
  const answers = [answer, ...results, ...cancels, ...strangers.map(({ answer }) => answer)]; // prettier-ignore
  const away = answers.filter(({ status }) => status === 0 || status >= 500);
  const tookMs = answer.to - answer.from;
  return [
    ...away.map(({ status }) => `a call was answered ${status}`),
    ...(tookMs > acceptedMs ? [`accepted only after ${tookMs} ms`] : []),
  ];
}

function checkTask(one: Told, { requests, starts, outcomes }: LoggedTask) {
  const [request] = requests;
  const [start] = starts;
  const [end] = outcomes;
  if (request === undefined || end === undefined) return [];
  const notBefore = Number(request.data["not_before"] ?? 0) * 1_000;
  const mayStart = Math.max(request.time, notBefore);
  const tokensMs = Number(one.body["max_tokens"]) * msPerToken;
  return [
    ...tooLong("started", mayStart, start, startedMs),
    ...(end.word === "completed" && start !== undefined
      ? tooLong("finished", start.time, end, tokensMs + finishedMs)
      : []),
    ...one.results.flatMap((answer) => checkWait(answer, end)),
    ...checkStream(one, end),
  ];
}

function tooLong(
  what: string,
  from: number,
  to: LoggedEvent | undefined,
  mostMs: number,
): string[] {
  const tookMs = (to?.time ?? from) - from;
  return tookMs > mostMs ? [`${what} only after ${tookMs} ms`] : [];
}

/** Who waits is told once there is an outcome, and not when the wait is over. */
function checkWait(
  { status, from, to, waitS = 0 }: Answer & { waitS?: number },
  { time }: LoggedEvent,
): string[] {
  if (waitS === 0) return [];
  const tookMs = to - from;
  if (status === 202 && tookMs < waitS * 1_000 - earlyMs)
    return [`/result?wait=${waitS} said 202 after ${tookMs} ms`];
  const lateMs = to - Math.max(from, time);
  if (lateMs <= toldMs) return [];
  return status === 202
    ? [`/result?wait=${waitS} said 202, ${lateMs} ms after there was an outcome`] // prettier-ignore
    : [`/result?wait=${waitS} said ${status} only ${lateMs} ms after the outcome`]; // prettier-ignore
}

function checkStream({ stream }: Told, { time }: LoggedEvent): string[] {
  if (stream === undefined) return [];
  const lateMs = stream.left - Math.max(time, stream.from);
  return lateMs > toldMs
    ? [`a stream ended only ${lateMs} ms after the outcome`]
    : [];
}
