import type { AcceptedResponse, OutcomeResponse } from "@jetscribe/schema";
import { parseArgs } from "node:util";
import {
  bold,
  dim,
  fail,
  printable,
  say,
  UserError,
} from "../install/print.mjs";
import { findSystem, type Call } from "./callSystem.ts";

/** `npm run try -- "Explain quantum computing"`: one prompt to the running system, and what came of it. */

const usage =
  'npm run try -- "Explain quantum computing" [--url URL] [--key KEY] [--max-tokens N] [--temperature T] [--raw]';
const waitS = 30;

await main().catch(fail);

async function main() {
  const { values, positionals } = readOptions();
  if (positionals.length === 0)
    throw new UserError(`what is the prompt?\nusage: ${usage}`);
  const call = findSystem(values);
  const { "max-tokens": maxTokens, temperature, raw } = values;
  const body = {
    prompt: positionals.join(" "),
    ...(maxTokens !== undefined && { max_tokens: Number(maxTokens) }),
    ...(temperature !== undefined && { temperature: Number(temperature) }),
    ...(raw && { raw }),
  };
  const { task_id: id } = await call<AcceptedResponse>("POST", "/generate", {
    body,
  });
  say(dim(`task ${id}`));
  report(await waitForOutcome(call, id));
}

function readOptions() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        url: { type: "string" },
        key: { type: "string" },
        "max-tokens": { type: "string" },
        temperature: { type: "string" },
        raw: { type: "boolean" },
      },
    });
  } catch (error) {
    throw new UserError(`${(error as Error).message}\nusage: ${usage}`);
  }
}

async function waitForOutcome(call: Call, id: string) {
  let shown = "";
  for (;;) {
    const path = `/result/${id}?wait=${waitS}`;
    const answer = await call<
      OutcomeResponse | { status: "queued" } | { status: "processing" }
    >("GET", path);
    if (answer.status !== "queued" && answer.status !== "processing")
      return answer;
    if (answer.status !== shown) say(dim(`… ${answer.status}`));
    shown = answer.status;
  }
}

function report(outcome: OutcomeResponse): void {
  if (outcome.status === "failed")
    throw new UserError(
      printable(
        `the task failed: ${outcome.error_type}: ${outcome.error_message}`,
      ),
    );
  if (outcome.status === "cancelled")
    throw new UserError("the task was cancelled");
  const { result, metrics } = outcome;
  say(`\n${printable(result ?? "")}\n`);
  const seconds = (value: number) => `${value.toFixed(2)} s`;
  const tokens = (n: number) => `${n} token${n === 1 ? "" : "s"}`;
  const rows = {
    "waited in the queue": seconds(metrics.queue_wait_time),
    processing: seconds(metrics.processing_time),
    total: seconds(metrics.total_time),
    prompt: tokens(metrics.prompt_tokens),
    completion: tokens(metrics.completion_tokens),
    speed: `${metrics.tokens_per_second.toFixed(1)} tokens/s`,
    ...(typeof metrics.time_to_first_token === "number" && {
      "first token after": seconds(metrics.time_to_first_token),
    }),
  };
  for (const [name, value] of Object.entries(rows))
    say(`${dim(name.padEnd(20))} ${bold(value)}`);
}
