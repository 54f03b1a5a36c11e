/** The log, task by task. */
import type { LoggedEvent } from "./readLog.ts";

export interface LoggedTask {
  id: string;
  requests: LoggedEvent[];
  starts: LoggedEvent[];
  retries: LoggedEvent[];
  outcomes: LoggedEvent[];
  /** All of them, in order. */
  events: LoggedEvent[];
}

export const outcomeWords = ["completed", "failed", "cancelled"];

export function tasksOf(
  log: readonly LoggedEvent[],
): ReadonlyMap<string, LoggedTask> {
  const events = new Map<string, LoggedEvent[]>();
  for (const event of log) {
    const found = events.get(event.taskId);
    if (found === undefined) events.set(event.taskId, [event]);
    else found.push(event);
  }
  return new Map([...events].map(([id, of]) => [id, taskOf(id, of)]));
}

function taskOf(id: string, events: LoggedEvent[]): LoggedTask {
  const those = (...words: string[]) =>
    events.filter(({ word }) => words.includes(word));
  return {
    id,
    requests: those("requested"),
    starts: those("started"),
    retries: those("retried"),
    outcomes: those(...outcomeWords),
    events,
  };
}

/** `completed 12, failed 3` of an outcome's kind. */
export const kindOf = ({ word, data }: LoggedEvent): string => {
  const error = data["error"] as { type?: string } | undefined;
  return word === "failed" ? `failed (${error?.type})` : word;
};
