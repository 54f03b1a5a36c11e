/**
 * Every key of the projection. Redis has each of them with the connection's prefix before it (`REDIS_PREFIX`):
 *
 *   checkpoint             how far the log is folded in
 *   task:<id>              one task; expires with its outcome and not before
 *   queue:<queue>          waiting task ids by sequence, but for those that `scheduled` holds
 *   later:<queue>          ids of the scheduled tasks by sequence
 *   later                  how many there are of each queue, by its name, where there are any
 *   scheduled              `<queue>:<id>` of the tasks that have a not_before and were never started, by that time in
 *                          seconds since the epoch
 *   queues                 the names of the queues in which tasks wait, scheduled ones too
 *   running                `<queue>:<id>` of the processing tasks by sequence
 *   open:<model>           `<lane>:<owner>[:<group>]:waiting` and `…:running`: how many there are, where there are any; scheduled
 *                          tasks are not counted
 *   models                 the models (slugs) that were ever asked for
 *   deadlines              `<queue>:<id>` of open tasks that were started, are scheduled or may wait only briefly, by their
 *                          deadline in seconds since the epoch
 *   usual                  `<queue>:tasks` and `<queue>:tokens`: how many were finished, and what they took together; those
 *                          of groups count for the queue without a group, of which there are few
 *   waits                  `<estimated> <real>` of the latest tasks whose wait was estimated, in seconds, newest first
 *   reserved               what the open tasks of each owner with a limit a day may take, in tokens, where there are any
 *   spent:<day>            what the tasks of each such owner took that ended on that day of UTC (`2026-11-29`); expires a day
 *                          after it
 *   milestones             `<seq> <bytes>`: how many bytes the log's messages have up to some sequences, newest last
 *   key-use                by the ids of API keys when they were used last, in seconds since the epoch
 *   workers                by their ids the workers that are heard, or fell silent without a goodbye, as JSON
 *   projections            how far the other projections are: `<seq> <ms since the epoch when they said so>` by name
 *
 * the counts that gateways share, which are in no log and expire by themselves:
 *
 *   rate:<counted>:<id>    the calls of a key's owner (`key`), or the failed ones of an address (`address`), in this minute;
 *                          the readings that are recorded of a key (`texts`), in this hour
 *
 * and its one channel, which has the prefix too:
 *
 *   done                   the ids of tasks whose outcome can be read, one a line
 *
 * <queue> is `<model>:<lane>:<owner>`, and `:<group>` of a group; model and owner are slugs.
 */
import { queueOf, type Queue, type TaskState } from "@jetscribe/schema";

/** What calls are counted by. */
export type Counted = "key" | "address" | "texts";

export const keys = {
  checkpoint: "checkpoint",
  task: (id: string) => `task:${id}`,
  queue: (name: string) => `queue:${name}`,
  laterOf: (name: string) => `later:${name}`,
  later: "later",
  scheduled: "scheduled",
  queues: "queues",
  running: "running",
  open: (model: string) => `open:${model}`,
  models: "models",
  deadlines: "deadlines",
  usual: "usual",
  waits: "waits",
  reserved: "reserved",
  spent: (day: string) => `spent:${day}`,
  milestones: "milestones",
  keyUse: "key-use",
  workers: "workers",
  projections: "projections",
  rate: (counted: Counted) => `rate:${counted}`,
  done: "done",
} as const;

/**
 * Whether a key, without its prefix, is what the log was folded into. Words that begin a key here are no words of a
 * prefix (`REDIS_PREFIX` is refused otherwise), so a key of another system, whose prefix begins with ours, never is.
 */
export const isProjected = (key: string): boolean =>
  /^(?:(?:task|queue|later|open|spent):|(?:models|queues|later|scheduled|running|deadlines|usual|waits|reserved|milestones)$)/.test(
    key,
  );

export const queueName = ({ model, lane, owner, group }: Queue): string =>
  group === undefined
    ? `${model}:${lane}:${owner}`
    : `${model}:${lane}:${owner}:${group}`;

/** The name of the queue that a task waits in, or waited in. */
export const queueNameOf = (task: TaskState): string =>
  queueName(queueOf(task));

export function parseQueueName(name: string): Queue {
  const [model = "", lane, owner = "", group] = name.split(":");
  return {
    model,
    lane: lane === "batch" ? "batch" : "interactive",
    owner,
    ...(group !== undefined && { group }),
  };
}

/** The member of `running`. */
export const runningName = (queue: string, id: string): string =>
  `${queue}:${id}`;

export function parseRunningName(name: string): { queue: Queue; id: string } {
  const end = name.lastIndexOf(":");
  return { queue: parseQueueName(name.slice(0, end)), id: name.slice(end + 1) };
}
