/** A fuzzing run against a whole system of its own, and what must hold after it. */
import { eventually, startStack, type Stack } from "@jetscribe/testing";
import { histories } from "../flow/log.ts";
import type { RecordedEvent } from "@jetscribe/schema";
import { fuzz, type FuzzReport } from "./fuzz.ts";

/** MiB that the gateway may grow by in the last of the requests: in 20,000 that is a leak of 1.6 KiB a request. */
const mayGrow = 32;
const keys = ["key-of-a", "key-of-b"] as const;
/** The calls that make more than one task each. */
const makeMany = new Set(["generateBatch", "retryTasks"]);

export interface FuzzResult extends FuzzReport {
  /** In words; empty if all that must hold held. */
  violations: string[];
}

export async function fuzzSystem(
  requests: number,
  seed: number,
  say?: (line: string) => void,
): Promise<FuzzResult> {
  await using stack = await startStack({
    env: {
      ...{ ENGINE: "fake", FAKE_MS: "1", LOG_LEVEL: "error" },
      API_KEYS: `a:${keys[0]},b:${keys[1]}`,
      BODY_LIMIT: String(64 * 1024),
    },
  });
  const pid = stack.pid("gateway") ?? 0;
  const { url } = stack;
  const report = await fuzz({
    ...{ url, keys, pid, requests, seed },
    ...(say && { say }),
  });
  return { ...report, violations: await violationsOf(stack, pid, report) };
}

async function violationsOf(
  stack: Stack,
  pid: number,
  report: FuzzReport,
): Promise<string[]> {
  const violations = report.failure === undefined ? [] : [report.failure];
  if (stack.pid("gateway") !== pid) {
    violations.push(`the gateway died:\n${stack.output("gateway")}`);
    return violations;
  }
  await eventually(async () => (await fetch(`${stack.url}/readyz`)).ok);
  const grown = report.memory.end - report.memory.warm;
  if (grown > mayGrow) violations.push(`the gateway grew by ${grown} MiB`);

  const log = await histories(stack.natsUrl);
  const unheard = [...report.unheard];
  let { counted } = report;
  const unexplained = [...log].filter(([id, [requested]]) => {
    if (report.accepted.has(id) || requested === undefined) return false;
    if ("retry_of" in requested.data && counted-- > 0) return false;
    const made = unheard.findIndex((call) => mayHaveMade(call, requested));
    if (made >= 0 && !makeMany.has(unheard[made]?.call.of ?? ""))
      unheard.splice(made, 1);
    return made < 0;
  });
  if (unexplained.length > 0)
    violations.push(
      `${unexplained.length} tasks that no answer accepted: ${JSON.stringify(unexplained.slice(0, 3))}`,
    );
  const lost = [...report.accepted].filter((id) => !log.has(id));
  if (lost.length > 0)
    violations.push(
      `${lost.length} accepted tasks that the log has not: ${lost.slice(0, 5).join(", ")}`,
    );
  return violations;
}

/** Whether a call asks for what stands in the log. */
function mayHaveMade(
  { call, target }: FuzzReport["unheard"][number],
  { data }: RecordedEvent,
): boolean {
  if ("retry_of" in data && data.retry_of !== undefined)
    return target.includes(data.retry_of) || call.of === "retryTasks";
  const text = typeof call.body === "string" ? call.body : "";
  const asked = "prompt" in data ? data.prompt : undefined;
  return asked === undefined
    ? text.includes("messages")
    : text.includes(JSON.stringify(asked));
}

/** Lines of text. */
export function formatReport({
  requests,
  answers,
  accepted,
  unheard,
  memory,
}: FuzzReport): string {
  const rows = [...answers].sort().map(([route, counts]) => {
    const each = [...counts].sort(([a], [b]) => a - b);
    return `  ${route}: ${each.map(([status, count]) => `${status}×${count}`).join(" ")}`;
  });
  return [
    `${requests} requests, ${accepted.size} tasks accepted, ${unheard.length} answers unheard; the gateway's memory: ${memory.warm} MiB warm, ${memory.end} MiB at the end`,
    ...rows,
  ].join("\n");
}
