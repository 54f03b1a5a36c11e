/** How long the parts of a task's life took, as histograms: our own by model and lane, and those of the conventions for generative AI. */
import type { HistogramSeries, Metrics } from "@jetscribe/runtime/metrics";
import { durationsOf, waitsFrom, type EndedTask } from "@jetscribe/schema";
import {
  firstTokenBuckets,
  perTokenBuckets,
  requestBuckets,
  taskBuckets,
} from "./buckets.ts";
import { labels, perModelAndLane, type Labels } from "./perModelAndLane.ts";

/** In seconds; undefined: that part was not there. */
export function timesOf(task: EndedTask) {
  const { metrics, first_start, enqueue_time } = task;
  const { processing_time, time_to_first_token, completion_tokens } = metrics;
  const isFirst = task.status === "completed" && task.attempt === 1;
  const written =
    time_to_first_token === undefined || completion_tokens < 2 || !isFirst
      ? undefined
      : processing_time - time_to_first_token;
  return {
    ...durationsOf(metrics, {
      scheduledS: waitsFrom(task) - enqueue_time,
      wasStarted: first_start !== undefined,
    }),
    /** Of each token but the first, where one attempt wrote all of them. */
    perToken: written && Math.max(0, written / (completion_tokens - 1)),
  };
}

export function makeTaskTimes(metrics: Metrics) {
  const own = (name: string, help: string) =>
    metrics.histogram({
      ...{ name: `jetscribe_task_${name}_seconds`, help },
      ...{ labels, buckets: taskBuckets },
    });
  const wait = own(
    "wait",
    "From acceptance, or not_before, to the first start.",
  );
  const firstToken = own(
    "time_to_first_token",
    "From the first start to the first token.",
  );
  const processing = own("processing", "From the first start to the outcome.");
  const total = own(
    "total",
    "From acceptance, or not_before, to the outcome; completed tasks.",
  );
  const genAi = makeGenAiTimes(metrics);
  const seriesOf = perModelAndLane((of) => ({
    ...{ wait: wait(of), firstToken: firstToken(of) },
    ...{ processing: processing(of), total: total(of) },
    noteGenAi: genAi(of),
  }));

  return (task: EndedTask, trace_id: string): void => {
    const series = seriesOf(task);
    const times = timesOf(task);
    const trace = { trace_id };
    const note = (of: HistogramSeries, value: number | undefined) => {
      if (value !== undefined) of.observe(value, trace);
    };
    note(series.wait, times.wait);
    note(series.firstToken, times.first_token);
    note(series.processing, times.processing);
    if (task.status === "completed") note(series.total, times.total);
    series.noteGenAi(task, times, trace);
  };
}

/** Names and labels of the conventions for generative AI that `otel/conventions.ts` pins, as Prometheus spells them. */
const of = {
  gen_ai_provider_name: "jetscribe",
  gen_ai_operation_name: "generate_content",
};
const genAiLabels = [
  "gen_ai_provider_name",
  "gen_ai_operation_name",
  "gen_ai_request_model",
] as const;

/** From the acceptance on: a server's time has the wait of its queue in it. */
function makeGenAiTimes({ histogram }: Metrics) {
  const duration = histogram({
    name: "gen_ai_server_request_duration_seconds",
    help: "From acceptance to the outcome; error_type is empty where the task did not fail.",
    labels: [...genAiLabels, "error_type"],
    buckets: requestBuckets,
  });
  const firstToken = histogram({
    name: "gen_ai_server_time_to_first_token_seconds",
    help: "From acceptance to the first token, the queue's wait too; completed tasks.",
    labels: genAiLabels,
    buckets: firstTokenBuckets,
  });
  const perToken = histogram({
    name: "gen_ai_server_time_per_output_token_seconds",
    help: "Of each token but the first; tasks that one attempt completed.",
    labels: genAiLabels,
    buckets: perTokenBuckets,
  });
  return ({ model }: Labels) => {
    const labels = { ...of, gen_ai_request_model: model };
    const durations = new Map<string, HistogramSeries>();
    const [first, each] = [firstToken(labels), perToken(labels)];
    function durationOf(error_type: string): HistogramSeries {
      const made =
        durations.get(error_type) ?? duration({ ...labels, error_type });
      durations.set(error_type, made);
      return made;
    }
    return (
      task: EndedTask,
      times: ReturnType<typeof timesOf>,
      trace: { trace_id: string },
    ): void => {
      const { status } = task;
      if (status !== "cancelled")
        durationOf(status === "failed" ? task.error.type : "").observe(
          times.total,
          trace,
        );
      if (status !== "completed") return;
      const { wait = 0, first_token, perToken } = times;
      if (first_token !== undefined) first.observe(wait + first_token, trace);
      if (perToken !== undefined) each.observe(perToken, trace);
    };
  };
}
