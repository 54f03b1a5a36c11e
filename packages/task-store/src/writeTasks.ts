import { readFileSync } from "node:fs";
import {
  deadlineOf,
  isOpen,
  isScheduled,
  slugOf,
  type TaskState,
} from "@jetscribe/schema";
import type { ChainableCommander } from "ioredis";
import {
  addTo,
  writeOpen,
  type Change,
  type ChangesByQueue,
} from "./activeQueues.ts";
import { writeUsual } from "./backlog.ts";
import { writeTokens } from "./dayTokens.ts";
import { tellDone } from "./done.ts";
import { keys, queueNameOf, runningName } from "./keys.ts";
import { encodeTask } from "./codec.ts";

const script = (name: string) =>
  readFileSync(new URL(name, import.meta.url), "utf8");
const markQueues = script("./markQueues.lua");
const setOutcomes = script("./setOutcomes.lua");
/** So many of the latest waits are kept. */
const WAITS = 1_000;

interface WriteOptions {
  prefix: string;
  resultTtlMs: number;
  /** ms since the epoch. */
  now: number;
  /**
   * Tasks that may wait so long to be started, are not scheduled and have no other deadline, are in the order of their deadlines as they are in their queue, and stand
   * only there until they are started.
   */
  longestWaitMs: number;
}

/**
 * Adds the commands that bring all changed tasks to their new state: few commands with many arguments, since a command
 * costs the client as much as 20 arguments.
 */
export function writeTasks(
  commands: ChainableCommander,
  changed: readonly Change[],
  options: WriteOptions,
): void {
  if (changed.length === 0) return;
  writeValues(commands, changed, options);
  // A task that came and ended in one step never stood anywhere.
  const placed = changed.filter(
    ({ before, after }) => before !== undefined || isOpen(after),
  );
  const byQueue = Map.groupBy(placed, ({ after }) => queueNameOf(after));
  writePlaces(commands, byQueue);
  writeOpen(commands, byQueue);
  writeTokens(commands, changed);
  writeDeadlines(commands, byQueue, options);
  const ended = changed
    .filter(({ before }) => before === undefined || isOpen(before))
    .flatMap(({ after }) => (isOpen(after) ? [] : [after]));
  writeUsual(commands, ended);
  writeWaits(commands, ended);
  tellDone(
    commands,
    ended.map((task) => task.task_id),
    options.prefix,
  );
  const models = new Set(
    changed.flatMap(({ before, after }) =>
      before === undefined ? [slugOf(after.model)] : [],
    ),
  );
  if (models.size > 0) commands.sadd(keys.models, [...models]);
}

/** An outcome lives for `resultTtlMs` from its own time on, so that a rebuild brings back only what is still alive. */
function writeValues(
  commands: ChainableCommander,
  changed: readonly Change[],
  { resultTtlMs, now }: WriteOptions,
) {
  const open: string[] = [];
  const ended: { key: string; value: string; ttlMs: number }[] = [];
  const expired: string[] = [];
  for (const { after } of changed) {
    const key = keys.task(after.task_id);
    if (isOpen(after)) {
      open.push(key, encodeTask(after));
      continue;
    }
    const age = Math.max(0, now - after.end_time * 1_000); // the broker's clock may be ahead
    const ttlMs = Math.ceil(resultTtlMs - age);
    if (ttlMs > 0) ended.push({ key, value: encodeTask(after), ttlMs });
    else expired.push(key);
  }
  if (open.length > 0) commands.mset(open);
  if (ended.length > 0)
    commands.eval(
      setOutcomes,
      ended.length,
      ...ended.map(({ key }) => key),
      ...ended.flatMap(({ value, ttlMs }) => [value, ttlMs]),
    );
  if (expired.length > 0) commands.unlink(expired);
}

/** Each task stands where its state says, and nowhere else. */
function writePlaces(commands: ChainableCommander, byQueue: ChangesByQueue) {
  if (byQueue.size === 0) return;
  const running = noMoves();
  const scheduled = noMoves();
  const counts: Parameters<typeof addTo>[1][number][] = [];
  for (const [name, changed] of byQueue) {
    const [queue, later] = [noMoves(), noMoves()];
    for (const { before, after } of changed) {
      const { task_id, seq, not_before = 0 } = after;
      const [from, to] = [placeOf(before), placeOf(after)];
      if (from === to) continue;
      const ofQueue = runningName(name, task_id);
      if (to === "queue") queue.add.push([seq, task_id]);
      else if (from === "queue") queue.remove.push(task_id);
      if (to === "running") running.add.push([seq, ofQueue]);
      else if (from === "running") running.remove.push(ofQueue);
      if (to === "later") {
        later.add.push([seq, task_id]);
        scheduled.add.push([not_before, ofQueue]);
      } else if (from === "later") {
        later.remove.push(task_id);
        scheduled.remove.push(ofQueue);
      }
    }
    writeSet(commands, keys.queue(name), queue);
    writeSet(commands, keys.laterOf(name), later);
    const by = later.add.length - later.remove.length;
    if (by !== 0) counts.push({ key: keys.later, field: name, by });
  }
  writeSet(commands, keys.running, running);
  writeSet(commands, keys.scheduled, scheduled);
  addTo(commands, counts);
  const names = [...byQueue.keys()];
  const touched = [
    keys.queues,
    ...names.flatMap((name) => [keys.queue(name), keys.laterOf(name)]),
  ];
  commands.eval(markQueues, touched.length, ...touched, ...names);
}

const noMoves = () => ({ add: [] as Scored[], remove: [] as string[] });

/** Which set an open task stands in. */
function placeOf(
  task: TaskState | undefined,
): "queue" | "later" | "running" | undefined {
  if (task === undefined || !isOpen(task)) return undefined;
  if (task.status === "processing") return "running";
  return isScheduled(task) ? "later" : "queue";
}

function writeDeadlines(
  commands: ChainableCommander,
  byQueue: ChangesByQueue,
  { longestWaitMs }: WriteOptions,
) {
  const deadlines = { add: [] as Scored[], remove: [] as string[] };
  const scoreOf = (task: TaskState | undefined) => {
    if (task === undefined || !isOpen(task)) return undefined;
    const waitsLong =
      task.start_timeout_ms >= longestWaitMs &&
      task.not_before === undefined &&
      task.cancel_after_ms === undefined;
    return waitsLong && task.first_start === undefined
      ? undefined
      : deadlineOf(task).at;
  };
  for (const [queue, changed] of byQueue)
    for (const { before, after } of changed) {
      const [was, is] = [scoreOf(before), scoreOf(after)];
      if (was === is) continue;
      const name = runningName(queue, after.task_id);
      if (is === undefined) deadlines.remove.push(name);
      else deadlines.add.push([is, name]);
    }
  writeSet(commands, keys.deadlines, deadlines);
}

/** How right the estimates were: of those that started. */
function writeWaits(commands: ChainableCommander, ended: readonly TaskState[]) {
  const waits = ended.flatMap((task) => {
    const { estimated_wait, first_start, enqueue_time } = task;
    if (estimated_wait === undefined || first_start === undefined) return [];
    const real = Math.max(0, first_start - enqueue_time);
    return `${estimated_wait} ${real.toFixed(3)}`;
  });
  if (waits.length === 0) return;
  commands.lpush(keys.waits, ...waits.slice(-WAITS));
  commands.ltrim(keys.waits, 0, WAITS - 1);
}

type Scored = [score: number, member: string];

function writeSet(
  commands: ChainableCommander,
  key: string,
  { add, remove }: { add: Scored[]; remove: string[] },
) {
  if (remove.length > 0) commands.zrem(key, remove);
  if (add.length > 0) commands.zadd(key, ...add.flat());
}
