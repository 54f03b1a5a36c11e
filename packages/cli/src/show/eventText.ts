/** One event as people read it: a sign, its word, and what it says besides the task's id. */
import {
  eventTypes,
  textFields,
  type EventType,
  type RecordedEvent,
  type TasksAhead,
} from "@jetscribe/schema";
import { plain, type Paint, type Style } from "./paint.ts";
import { dateTime, span } from "./times.ts";

const signs: Record<EventType, { sign: string; style: Style }> = {
  GenerateRequested: { sign: "+", style: "cyan" },
  GenerateStarted: { sign: "▶", style: "blue" },
  GenerateRetried: { sign: "↻", style: "yellow" },
  GenerateCompleted: { sign: "✓", style: "green" },
  GenerateFailed: { sign: "✗", style: "red" },
  GenerateCancelled: { sign: "⊘", style: "magenta" },
};

const widest = Math.max(
  ...Object.values(eventTypes).map(({ word }) => word.length),
);

/** `✓ completed`, as wide for every type. */
export function typeText(type: EventType, paint: Paint): string {
  const { sign, style } = signs[type];
  return paint(style, `${sign} ${eventTypes[type].word.padEnd(widest)}`);
}

/** What it says, in one line without any text that a person or a model wrote. */
export const detailsOf = (event: RecordedEvent): string =>
  plain(parts(event).filter(Boolean).join(", "));

function parts(event: RecordedEvent): (string | false | undefined)[] {
  switch (event.type) {
    case "GenerateRequested": {
      const { params, user_id, tasks_ahead, retry_of, lane, not_before } =
        event.data;
      return [
        `up to ${count(params.max_tokens, "token")}`,
        lane === "batch" && "batch lane",
        user_id !== undefined && `user ${user_id}`,
        not_before !== undefined && `not before ${dateTime(not_before)}`,
        aheadOf(tasks_ahead),
        retry_of !== undefined && `again after ${retry_of}`,
      ];
    }
    case "GenerateStarted": {
      const { attempt, worker_id, kept_tokens } = event.data;
      return [
        `attempt ${attempt} on ${worker_id}`,
        kept_tokens !== undefined &&
          `goes on after ${count(kept_tokens, "token")}`,
      ];
    }
    case "GenerateRetried": {
      const { attempt, worker_id, reason, error } = event.data;
      return [
        `attempt ${attempt} on ${worker_id} ended: ${reason}`,
        error.message,
      ];
    }
    case "GenerateCompleted": {
      const { metrics, finish_reason, attempt } = event.data;
      const { completion_tokens, total_time, tokens_per_second } = metrics;
      return [
        `${count(completion_tokens, "token")} in ${span(total_time)}`,
        `${tokens_per_second.toFixed(1)} tokens/s`,
        finish_reason === "length" && "cut at max_tokens",
        attempt > 1 && `attempt ${attempt}`,
      ];
    }
    case "GenerateFailed": {
      const { type, message } = event.data.error;
      return [`${type}: ${message}`];
    }
    case "GenerateCancelled": {
      const { by, reason, stage } = event.data;
      return [`by ${by} while ${stage}: ${reason}`];
    }
  }
}

function aheadOf(ahead: TasksAhead | undefined): string | undefined {
  const tasks = ahead === undefined ? 0 : ahead.own + ahead.others;
  return tasks === 0 ? undefined : `${tasks} ahead of it`;
}

/** `1 token`, `9 tokens`. */
export const count = (n: number, what: string): string =>
  `${n.toLocaleString("en")} ${what}${n === 1 ? "" : "s"}`;

/** What people and models wrote in an event, by the field's name. */
export function textsOf({ data }: RecordedEvent): [string, string][] {
  const fields: Record<string, unknown> = data;
  return textFields.flatMap((name) => {
    const text = fields[name];
    if (text === undefined) return [];
    return [[name, typeof text === "string" ? text : JSON.stringify(text)]];
  });
}
