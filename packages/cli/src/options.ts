/** What may stand behind a command, and what it means. Pure; what can't be meant is a CliError. */
import type { EventFilter } from "@jetscribe/event-log/read/eventFilter";
import type { RangeWanted } from "@jetscribe/event-log/read/replayLog";
import {
  eventTypes,
  Lane,
  slugOf,
  taskIdTime,
  TaskStatus,
  type EventType,
} from "@jetscribe/schema";
import { Option, type Command } from "commander";
import { usageError } from "./exit.ts";

const isOneOf = <T extends string>(names: readonly T[], name: string) =>
  names.find((one) => one === name);

const types = Object.keys(eventTypes) as EventType[];

/** An event's name or its word in subjects: `GenerateFailed` or `failed`; several with commas. */
export const parseTypes = (text: string): EventType[] =>
  text.split(",").map((given) => {
    const name = given.trim();
    const found =
      isOneOf(types, name) ?? types.find((t) => eventTypes[t].word === name);
    if (found !== undefined) return found;
    const words = types.map((type) => eventTypes[type].word).join(", ");
    throw usageError(`--type ${given}: there are ${words}`);
  });

/** The events that bring a task into a status. */
const typesOfStatus: Record<TaskStatus, readonly EventType[]> = {
  queued: ["GenerateRequested", "GenerateRetried"],
  processing: ["GenerateStarted"],
  completed: ["GenerateCompleted"],
  failed: ["GenerateFailed"],
  cancelled: ["GenerateCancelled"],
};

/** Several with commas. */
export const parseStatuses = (text: string): EventType[] =>
  text.split(",").flatMap((given) => {
    const status = isOneOf(TaskStatus.options, given.trim());
    if (status !== undefined) return typesOfStatus[status];
    throw usageError(
      `--status ${given}: there are ${TaskStatus.options.join(", ")}`,
    );
  });

const perUnitS = { s: 1, m: 60, h: 3_600, d: 86_400 };

/**
 * A time, in seconds since the epoch: `2026-11-29T14:32:05` (in the time zone of this machine, unless it says one), a date, a
 * time of today (`14:32`), so long ago (`15m`, `2h`, `3d`), `now`, or seconds since the epoch, which stay the same number:
 * an event's time names that event.
 */
export function parseTime(name: string, text: string, nowMs: number): number {
  const given = text.trim();
  if (given === "now") return nowMs / 1_000;
  const [, n, unit] = /^(\d+(?:\.\d+)?)(s|m|h|d)$/.exec(given) ?? [];
  if (n !== undefined)
    return nowMs / 1_000 - Number(n) * perUnitS[unit as keyof typeof perUnitS];
  if (/^\d{9,11}(\.\d+)?$/.test(given)) return Number(given);
  const ms = Date.parse(asDateTime(given, nowMs));
  if (Number.isFinite(ms)) return ms / 1_000;
  throw usageError(
    `${name} ${text}: expected a time such as 2026-11-29T14:32:05, 14:32, 15m (ago) or 1795962725 (seconds since 1970)`,
  );
}

/** In the form that is read in the time zone of this machine; "" where it is none of ours. */
function asDateTime(given: string, nowMs: number): string {
  if (/^\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?$/.test(given))
    return `${localDate(nowMs)}T${given.indexOf(":") === 1 ? "0" : ""}${given}`;
  if (/^\d{4}-\d{2}-\d{2}$/.test(given)) return `${given}T00:00:00`;
  const isWhole = /^\d{4}-\d{2}-\d{2}[T ]\d/.test(given);
  return isWhole ? given.replace(" ", "T") : "";
}

function localDate(ms: number): string {
  const at = new Date(ms);
  const two = (n: number) => String(n).padStart(2, "0");
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
}

export interface TaskFilterOptions {
  user?: string;
  owner?: string;
  model?: string;
  lane?: string;
}

export interface FilterOptions extends TaskFilterOptions {
  task?: string;
  type?: string;
  status?: string;
}

/** Of type and status together, what both name. */
export function filterOf(options: FilterOptions): EventFilter {
  const { user, owner, model, lane, task, type, status } = options;
  const named = type === undefined ? undefined : parseTypes(type);
  const ofStatus = status === undefined ? undefined : parseStatuses(status);
  const wanted =
    named && ofStatus
      ? named.filter((one) => ofStatus.includes(one))
      : (named ?? ofStatus);
  if (wanted?.length === 0)
    throw usageError("no event has both this --type and this --status");
  return {
    ...(wanted && { types: [...new Set(wanted)] }),
    ...(model !== undefined && { model: slugIn("--model", model) }),
    ...(owner !== undefined && { owner: slugIn("--owner", owner) }),
    ...(lane !== undefined && { lane: parseLane(lane) }),
    ...(task !== undefined && { task_id: parseTaskId("--task", task) }),
    ...(user !== undefined && { user_id: user }),
  };
}

function parseLane(text: string): Lane {
  const lane = isOneOf(Lane.options, text);
  if (lane !== undefined) return lane;
  throw usageError(`--lane ${text}: there are ${Lane.options.join(", ")}`);
}

/** As the log has it. */
export function parseTaskId(name: string, text: string): string {
  const id = text.toLowerCase();
  if (taskIdTime(id) !== undefined) return id;
  throw usageError(`${name} ${text}: expected a task id`);
}

/** The slug of a name that was given to an option. */
export function slugIn(option: string, name: string): string {
  try {
    return slugOf(name);
  } catch (error) {
    throw usageError(`${option} "${name}": ${(error as Error).message}`);
  }
}

export interface RangeOptions {
  from?: string;
  to?: string;
  after?: string;
}

export function rangeWantedOf(
  { from, to, after }: RangeOptions,
  nowMs: number,
): RangeWanted {
  return {
    ...(from !== undefined && {
      fromMs: parseTime("--from", from, nowMs) * 1_000,
    }),
    ...(to !== undefined && { toMs: parseTime("--to", to, nowMs) * 1_000 }),
    ...(after !== undefined && { after: parseSequence("--after", after) }),
  };
}

export function parseSequence(name: string, text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw usageError(`${name} ${text}: expected a sequence, as 12345`);
}

/** Alike for every command that has them. */
export const addTaskFilters = (command: Command): Command =>
  command
    .option("--user <id>", "only tasks with this user_id")
    .option("--owner <name>", "only tasks of this API key")
    .option("--model <name>", "only tasks of this model")
    .option("--lane <lane>", "only tasks of interactive or batch");

export const addFilters = (command: Command): Command =>
  addTaskFilters(command)
    .option("--task <task>", "only this task")
    .option("--type <types>", "only these events, as started,failed")
    .option(
      "--status <statuses>",
      "only events that bring a task into one of these, as queued,failed",
    );

export const fromOption = (what: string) =>
  new Option("--since, --from <time>", what);

export const jsonOption = (what: string) => new Option("--json", what);
