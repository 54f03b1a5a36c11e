/** What callers were told agrees with the log. */
import { isDeepStrictEqual } from "node:util";
import type { Answer } from "../client.ts";
import type { Evidence } from "../evidence.ts";
import { fakeText } from "../fakeText.ts";
import { fakeTokens } from "../fleet.ts";
import { quietTime, type Entry } from "../journal.ts";
import type { Told } from "../told.ts";
import type { LoggedEvent } from "../readLog.ts";
import { kindOf, type LoggedTask } from "../tasks.ts";

export function checkCallers(
  { told, served, statuses, journal }: Evidence,
  tasks: ReadonlyMap<string, LoggedTask>,
): string[] {
  return told.flatMap((one) => {
    if (one.taskId === undefined) return checkRefusal(one);
    const { taskId: id, results } = one;
    const outcome = tasks.get(id)?.outcomes[0];
    if (outcome === undefined) return []; // said elsewhere
    const last = served.get(id);
    return [
      ...results.flatMap((answer) => checkResult(id, answer, outcome)),
      ...(last?.status === 200
        ? checkResult(id, last, outcome)
        : [`${id}: in the end /result answers ${last?.status}`]),
      ...checkStatus(id, statuses.get(id)),
      ...checkText(one, outcome),
      ...one.cancels.flatMap((answer) => checkCancel(id, answer, outcome)),
      ...checkStream(one, outcome, journal),
    ];
  });
}

function checkRefusal({ number, kind, answer }: Told): string[] {
  const { status } = answer;
  // Whether a key had to be refused is said by the rules of keys and of limits.
  if (kind === "tenant" && (status === 401 || status === 429)) return [];
  const right = status === 0 || status === 503 || kind === "invalid";
  const invalid = kind !== "invalid" || [0, 400, 503].includes(status);
  return right && invalid ? [] : [`call ${number}: ${kind} got ${status}`];
}

/** On the way it may not be there yet; what is there is the log's. */
function checkResult(
  id: string,
  { status, body }: Answer,
  outcome: LoggedEvent,
): string[] {
  if (status === 200)
    return agrees(body, outcome)
      ? []
      : [`${id}: served ${brief(body)}, and the log has another one`];
  if ([0, 202, 503].includes(status)) return [];
  return [`${id}: /result answered ${status} after its 202`];
}

/** Whether a body of `/result` is made of the event; it may say more. */
function agrees(
  body: Record<string, unknown>,
  { word, taskId, data }: LoggedEvent,
): boolean {
  const { metrics, result, finish_reason } = data;
  const error = data["error"] as Record<string, string> | undefined;
  const expected: Record<string, unknown> = {
    ...{ status: word, task_id: taskId, metrics, result, finish_reason },
    ...{ error_type: error?.["type"], error_message: error?.["message"] },
  };
  return Object.entries(expected).every(([name, value]) =>
    isDeepStrictEqual(body[name], value),
  );
}

const brief = (value: unknown): string => JSON.stringify(value).slice(0, 300);

function checkStatus(id: string, answer: Answer | undefined): string[] {
  if (answer === undefined) return [];
  const position = answer.body["queue_position"];
  return answer.status === 200 && position === null
    ? []
    : [`${id}: ended, and /status says ${brief(answer.body)}`];
}

/** The fake engine says to a prompt what the checker can say too; what was broken off is its beginning. */
function checkText(
  { taskId, body, stream }: Told,
  { word, data }: LoggedEvent,
): string[] {
  const count = Math.min(fakeTokens, Number(body["max_tokens"]));
  const whole = fakeText(String(body["prompt"]), count);
  const { partial_text: partial = "" } = data as Record<string, string>;
  const right =
    word === "completed" ? data["result"] === whole : whole.startsWith(partial);
  return [
    ...(right
      ? []
      : [`${taskId}: not the text that the engine says: ${brief(data)}`]),
    ...(whole.startsWith(stream?.text ?? "")
      ? []
      : [`${taskId}: streamed what the engine doesn't say: ${stream?.text}`]),
  ];
}

function checkCancel(
  id: string,
  { status }: Answer,
  outcome: LoggedEvent,
): string[] {
  if ([0, 503].includes(status)) return [];
  const cancelled = outcome.word === "cancelled";
  if (status === (cancelled ? 200 : 409)) return [];
  return [`${id}: /cancel answered ${status}, and it is ${kindOf(outcome)}`];
}

const streamLateMs = 20_000;

function checkStream(
  { taskId: id, stream }: Told,
  outcome: LoggedEvent,
  journal: readonly Entry[],
): string[] {
  if (stream === undefined || id === undefined) return [];
  const { text, end, refused, left } = stream;
  if (refused !== undefined) return [`${id}: /stream answered ${refused}`];
  if (end === undefined) {
    // A task that was late is no stream that is; and during a fault nobody can be told.
    const lateMs = quietTime(outcome.time, left, journal);
    return lateMs < streamLateMs
      ? []
      : [`${id}: its stream had not ended ${lateMs} ms after the task`];
  }
  if (!agrees(end.data, outcome))
    return [`${id}: its stream ended with ${brief(end.data)}`];
  if (outcome.word === "completed" && text !== outcome.data["result"])
    return [`${id}: streamed "${text}", and the result is ${brief(outcome.data)}`]; // prettier-ignore
  return [];
}
