/** The tasks that the engine works on, as the worker's heartbeats tell of them. */
import { PassingMap } from "@jetscribe/event-log/fast/passingMap";
import { slugOf, type RunningTask, type TaskState } from "@jetscribe/schema";
import type { Progress } from "./keptText.ts";

/** Times are in seconds since the epoch. */
export interface Running {
  task: Pick<TaskState, "task_id" | "owner" | "lane">;
  attempt: number;
  startedAt: number;
  /** Of this attempt; set by whoever takes the text. */
  firstTokenAt?: number;
  /** It grows. */
  progress: Readonly<Pick<Progress, "completionTokens">>;
  /** Tokens of earlier attempts. */
  kept: number;
}

export type RunningTasks = ReturnType<typeof makeRunningTasks>;

/** A rate says nothing before so long, in seconds. */
const rateAfterS = 0.1;

export function makeRunningTasks(nowS: () => number) {
  const all = new PassingMap<string, Running>();
  return {
    begin: (running: Running): void => all.set(running.task.task_id, running),
    end: (taskId: string): void => all.delete(taskId),
    all: (): RunningTask[] =>
      [...all.values()].map((running) => told(running, nowS())),
  };
}

function told(running: Running, nowS: number): RunningTask {
  const { task, attempt, startedAt, firstTokenAt, progress, kept } = running;
  const tokens = progress.completionTokens;
  const forS = firstTokenAt === undefined ? 0 : nowS - firstTokenAt;
  return {
    ...{ task_id: task.task_id, owner: slugOf(task.owner), lane: task.lane },
    ...{ attempt, started_at: startedAt, tokens },
    ...(firstTokenAt !== undefined && { first_token_at: firstTokenAt }),
    ...(forS >= rateAfterS && {
      tokens_per_second: Math.round((10 * (tokens - kept)) / forS) / 10,
    }),
  };
}
