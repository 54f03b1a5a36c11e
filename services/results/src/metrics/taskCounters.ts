/** What is counted of tasks, by model (its slug) and lane. */
import type { Metrics } from "@jetscribe/runtime/metrics";
import {
  ErrorType,
  RetryReason,
  slugOf,
  type EndedTask,
  type TaskState,
} from "@jetscribe/schema";

export const labels = ["model", "lane"] as const;

export const labelsOf = ({
  model,
  lane,
}: Pick<TaskState, "model" | "lane">) => ({
  model: slugOf(model),
  lane,
});

const statuses = ["completed", "failed", "cancelled"] as const;

export function makeTaskCounters(metrics: Metrics) {
  const count = (name: string, help: string) =>
    metrics.counter({ name: `jetscribe_${name}_total`, help, labels });
  const accepted = count("tasks_accepted", "Tasks that were accepted.");
  const finished = metrics.counter({
    name: "jetscribe_tasks_finished_total",
    help: "Tasks that ended: completed, failed or cancelled.",
    labels: [...labels, "status"],
  });
  const errors = metrics.counter({
    name: "jetscribe_task_errors_total",
    help: "Failed tasks by the type of their error.",
    labels: [...labels, "error_type"],
  });
  const retries = metrics.counter({
    name: "jetscribe_task_retries_total",
    help: "Attempts that ended without an outcome: crash, hang and gone are failures, drain and lease are not.",
    labels: [...labels, "reason"],
  });
  const tokens = makeTokenCounters(count);
  const known = new Set<string>();

  /** A series that began with its first event would hide that from `rate`. */
  function begin(of: ReturnType<typeof labelsOf>): void {
    const name = `${of.model} ${of.lane}`;
    if (known.has(name)) return;
    known.add(name);
    accepted.inc(of, 0);
    tokens.begin(of);
    for (const status of statuses) finished.inc({ ...of, status }, 0);
    for (const error_type of ErrorType.options)
      errors.inc({ ...of, error_type }, 0);
    for (const reason of RetryReason.options) retries.inc({ ...of, reason }, 0);
  }

  return {
    accepted(task: TaskState): void {
      const of = labelsOf(task);
      begin(of);
      accepted.inc(of);
    },
    retried(task: TaskState, reason: RetryReason): void {
      const of = labelsOf(task);
      begin(of);
      retries.inc({ ...of, reason });
    },
    ended(task: EndedTask): void {
      const of = labelsOf(task);
      begin(of);
      finished.inc({ ...of, status: task.status });
      if (task.status === "failed")
        errors.inc({ ...of, error_type: task.error.type });
      tokens.ended(of, task);
    },
  };
}

type Labels = ReturnType<typeof labelsOf>;
type Count = (
  name: string,
  help: string,
) => { inc: (of: Labels, by: number) => void };

function makeTokenCounters(count: Count) {
  const prompt = count("prompt_tokens", "Tokens of prompts.");
  const completion = count("completion_tokens", "Tokens that were written.");
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
  return {
    begin(of: Labels): void {
      for (const one of [prompt, completion, cached, drafted, agreed])
        one.inc(of, 0);
    },
    ended(of: Labels, task: EndedTask): void {
      const { metrics } = task;
      prompt.inc(of, metrics.prompt_tokens);
      completion.inc(of, metrics.completion_tokens);
      if (task.status === "completed") cached.inc(of, task.cached_tokens ?? 0);
      drafted.inc(of, metrics.drafted_tokens ?? 0);
      agreed.inc(of, metrics.accepted_tokens ?? 0);
    },
  };
}
