/** What is counted of tasks, by model and lane. A series that began with its first event would hide that from `rate`. */
import type { Metrics } from "@jetscribe/runtime/metrics";
import {
  ErrorType,
  RetryReason,
  type EndedTask,
  type TaskState,
} from "@jetscribe/schema";
import { labels, perModelAndLane, type Labels } from "./perModelAndLane.ts";

const statuses = ["completed", "failed", "cancelled"] as const;

export function makeTaskCounters(metrics: Metrics) {
  const count = (name: string, help: string) =>
    metrics.counterSeries({ name: `jetscribe_${name}_total`, help, labels });
  const accepted = count("tasks_accepted", "Tasks that were accepted.");
  const finished = metrics.counterSeries({
    name: "jetscribe_tasks_finished_total",
    help: "Tasks that ended: completed, failed or cancelled.",
    labels: [...labels, "status"],
  });
  const errors = metrics.counterSeries({
    name: "jetscribe_task_errors_total",
    help: "Failed tasks by the type of their error.",
    labels: [...labels, "error_type"],
  });
  const retries = metrics.counterSeries({
    name: "jetscribe_task_retries_total",
    help: "Attempts that ended without an outcome: crash, hang and gone are failures, drain and lease are not.",
    labels: [...labels, "reason"],
  });
  const tokens = makeTokenCounters(count);
  const countersOf = perModelAndLane((of) => ({
    accepted: accepted(of),
    tokens: tokens(of),
    finished: forEach(statuses, (status) => finished({ ...of, status })),
    errors: forEach(ErrorType.options, (error_type) =>
      errors({ ...of, error_type }),
    ),
    retries: forEach(RetryReason.options, (reason) =>
      retries({ ...of, reason }),
    ),
  }));

  return {
    accepted: (task: TaskState): void => countersOf(task).accepted.add(),
    retried: (task: TaskState, reason: RetryReason): void =>
      countersOf(task).retries[reason].add(),
    ended(task: EndedTask): void {
      const { finished, errors, tokens } = countersOf(task);
      finished[task.status].add();
      if (task.status === "failed") errors[task.error.type].add();
      tokens(task);
    },
  };
}

const forEach = <Name extends string, T>(
  names: readonly Name[],
  make: (name: Name) => T,
) =>
  Object.fromEntries(names.map((name) => [name, make(name)])) as Record<
    Name,
    T
  >;

function makeTokenCounters(
  count: (name: string, help: string) => ReturnType<Metrics["counterSeries"]>,
) {
  const prompts = count("prompt_tokens", "Tokens of prompts.");
  const completions = count("completion_tokens", "Tokens that were written.");
  const cached = count(
    "prompt_cached_tokens",
    "Of the prompts' tokens, those that a slot still had from an earlier task.",
  );
  const drafted = count(
    "drafted_tokens",
    "Tokens that were guessed ahead of the model.",
  );
  const agreed = count(
    "drafted_accepted_tokens",
    "Of the drafted tokens, those that the model wrote itself.",
  );
  return (labels: Labels) => {
    const of = {
      ...{ prompts: prompts(labels), completions: completions(labels) },
      cached: cached(labels),
      ...{ drafted: drafted(labels), agreed: agreed(labels) },
    };
    return (task: EndedTask): void => {
      const { metrics } = task;
      of.prompts.add(metrics.prompt_tokens);
      of.completions.add(metrics.completion_tokens);
      if (task.status === "completed") of.cached.add(task.cached_tokens ?? 0);
      of.drafted.add(metrics.drafted_tokens ?? 0);
      of.agreed.add(metrics.accepted_tokens ?? 0);
    };
  };
}
