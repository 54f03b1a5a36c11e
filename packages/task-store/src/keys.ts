/**
 * Every key of the projection. Redis has each of them with the connection's prefix before it (`REDIS_PREFIX`):
 *
 *   checkpoint             how far the log is folded in
 *   task:<id>              one task; expires with its outcome and not before
 *   queue:<queue>          waiting task ids by sequence
 *   queues                 the names of the queues that are not empty
 *   running                `<queue>:<id>` of the processing tasks by sequence
 *   open:<model>           `<lane>:<owner>:waiting` and `<lane>:<owner>:running`: how many there are, where there are any
 *   models                 the models (slugs) that were ever asked for
 *   deadlines              `<queue>:<id>` of open tasks that were started or may wait only briefly, by their deadline in
 *                          seconds since the epoch
 *   usual                  `<queue>:tasks` and `<queue>:tokens`: how many were finished, and what they took together
 *   waits                  `<estimated> <real>` of the latest tasks whose wait was estimated, in seconds, newest first
 *   milestones             `<seq> <bytes>`: how many bytes the log's messages have up to some sequences, newest last
 *   projections            how far the other projections are: `<seq> <ms since the epoch when they said so>` by name
 *
 * and its one channel, which has the prefix too:
 *
 *   done                   the ids of tasks whose outcome can be read, one a line
 *
 * <queue> is `<model>:<lane>:<owner>`; model and owner are slugs.
 */
import { queueOf, type Queue, type TaskState } from "@jetscribe/schema";

export const keys = {
  checkpoint: "checkpoint",
  task: (id: string) => `task:${id}`,
  queue: (name: string) => `queue:${name}`,
  queues: "queues",
  running: "running",
  open: (model: string) => `open:${model}`,
  models: "models",
  deadlines: "deadlines",
  usual: "usual",
  waits: "waits",
  milestones: "milestones",
  projections: "projections",
  done: "done",
} as const;

/**
 * Whether a key, without its prefix, is what the log was folded into. Words that begin a key here are no words of a
 * prefix (`REDIS_PREFIX` is refused otherwise), so a key of another system, whose prefix begins with ours, never is.
 */
export const isProjected = (key: string): boolean =>
  /^(?:(?:task|queue|open):|(?:models|queues|running|deadlines|usual|waits|milestones)$)/.test(
    key,
  );

export const queueName = ({ model, lane, owner }: Queue): string =>
  `${model}:${lane}:${owner}`;

/** The name of the queue that a task waits in, or waited in. */
export const queueNameOf = (task: TaskState): string =>
  queueName(queueOf(task));

export function parseQueueName(name: string): Queue {
  const [model = "", lane, owner = ""] = name.split(":");
  return {
    model,
    lane: lane === "batch" ? "batch" : "interactive",
    owner,
  };
}

/** The member of `running`. */
export const runningName = (queue: string, id: string): string =>
  `${queue}:${id}`;

export function parseRunningName(name: string): { queue: Queue; id: string } {
  const end = name.lastIndexOf(":");
  return { queue: parseQueueName(name.slice(0, end)), id: name.slice(end + 1) };
}
