/** Each task has exactly one line, with the numbers of its event. */
import type { Evidence, LogFiles } from "../evidence.ts";
import type { LoggedEvent } from "../readLog.ts";
import type { LoggedTask } from "../tasks.ts";

const linePattern =
  /^\[(?<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)\] task_id=(?<id>[0-9a-f-]{36}) status=(?<status>success|failed|cancelled) prompt_tokens=(?<prompt>\d+) completion_tokens=(?<completion>\d+) tokens_per_sec=(?<speed>\d+\.\d\d) queue_wait=(?<wait>\d+\.\d\d)s processing_time=(?<ran>\d+\.\d\d)s total_time=(?<total>\d+\.\d\d)s(?: error=(?<error>\w+))? model="(?<model>\w+)"(?: attempt=\d+)?$/;

const words: Record<string, string> = {
  completed: "success",
  failed: "failed",
  cancelled: "cancelled",
};

export function checkLogFiles(
  { logFiles }: Evidence,
  tasks: ReadonlyMap<string, LoggedTask>,
): string[] {
  const wrong = checkSizes(logFiles);
  const counts = new Map<string, number>();
  for (const line of logFiles.requests) {
    const found = linePattern.exec(line)?.groups;
    const { requests = [], outcomes = [] } =
      tasks.get(found?.["id"] ?? "") ?? {};
    const [outcome] = outcomes;
    if (found === undefined || outcome === undefined) {
      wrong.push(`llm_requests.log has a line of no task: ${line}`);
      continue;
    }
    counts.set(outcome.taskId, (counts.get(outcome.taskId) ?? 0) + 1);
    const model = requests[0]?.data["model"];
    if (!agrees(found, outcome) || found["model"] !== model)
      wrong.push(`${outcome.taskId}: its line is not its event: ${line}`);
  }
  const failures = countHeads(logFiles.errorHeads);
  for (const { id, outcomes } of tasks.values()) {
    const [outcome] = outcomes;
    if (outcome === undefined) continue;
    const lines = counts.get(id) ?? 0;
    if (lines !== 1) wrong.push(`${id}: ${lines} lines in llm_requests.log`);
    const entries = failures.get(id) ?? 0;
    if (entries !== (outcome.word === "failed" ? 1 : 0))
      wrong.push(`${id}: ${entries} entries in errors.log`);
  }
  return wrong;
}

/** No file is over the limit, and what is over it altogether is in several. */
function checkSizes({ sizes, rotateBytes = Infinity }: LogFiles): string[] {
  return sizes.flatMap(({ name, bytes }) =>
    bytes > rotateBytes && !name.startsWith("errors.")
      ? [`${name} has ${bytes} bytes, and LOG_ROTATE_SIZE is ${rotateBytes}`]
      : [],
  );
}

function agrees(
  line: Record<string, string>,
  { word, time, data }: LoggedEvent,
): boolean {
  const metrics = data["metrics"] as Record<string, number>;
  const error = data["error"] as { type: string } | undefined;
  const rounded = (text = "", name: string) =>
    Math.abs(Number(text) - (metrics[name] ?? NaN)) <= 0.005 + 1e-9;
  const at = new Date(time).toISOString().slice(0, 19).replace("T", " ");
  return (
    line["time"] === at &&
    line["status"] === words[word] &&
    Number(line["prompt"]) === metrics["prompt_tokens"] &&
    Number(line["completion"]) === metrics["completion_tokens"] &&
    rounded(line["speed"], "tokens_per_second") &&
    rounded(line["wait"], "queue_wait_time") &&
    rounded(line["ran"], "processing_time") &&
    rounded(line["total"], "total_time") &&
    line["error"] === error?.type
  );
}

function countHeads(heads: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const head of heads) {
    const id = /^\[[^\]]+\] task_id=([0-9a-f-]{36}) status=failed /.exec(head);
    const key = id?.[1] ?? head;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
}
