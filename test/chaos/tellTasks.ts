import type { Said } from "./member.ts";
import type { LoggedEvent } from "./readLog.ts";

const taskIds = /\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g;
const maxTasks = 20;
const maxChars = 400;

/** What the log and the services say of the first tasks that the violations name, a line each, in order of time. */
export function tellTasks(
  violations: readonly string[],
  log: readonly LoggedEvent[],
  said: readonly Said[],
): string[] {
  const named = violations.flatMap((one) => one.match(taskIds) ?? []);
  const ids = new Set([...new Set(named)].slice(0, maxTasks));
  const lines = [
    ...log
      .filter(({ taskId }) => ids.has(taskId))
      .map(({ time, seq, word, taskId, data }) => ({
        time,
        text: `${taskId} ${seq} ${word} ${JSON.stringify(data)}`,
      })),
    ...said
      .filter(({ line }) => line.match(taskIds)?.some((id) => ids.has(id)))
      .map(({ time, member, line }) => ({ time, text: `${member} ${line}` })),
  ];
  return lines
    .toSorted((one, other) => one.time - other.time)
    .map(({ time, text }) => {
      const at = new Date(time).toISOString().slice(11, 23);
      return `${at} ${text.slice(0, maxChars)}`;
    });
}
