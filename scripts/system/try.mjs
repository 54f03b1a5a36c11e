import "../install/require-node.mjs";
import { parseArgs } from "node:util";
import { readRunning } from "./data-dir.mjs";
import { neverProxyLoopback } from "./no-proxy.mjs";
import { bold, dim, fail, printable, say } from "../install/print.mjs";
import { folders, UserError, withDotEnv } from "../install/project.mjs";

/** `npm run try -- "Explain quantum computing"`: one prompt to the running system, and what came of it. */

const USAGE =
  'npm run try -- "Explain quantum computing" [--url URL] [--key KEY] [--max-tokens N] [--temperature T] [--raw]';
const WAIT_S = 30;

main().catch(fail);

async function main() {
  const { values, positionals } = readOptions();
  if (positionals.length === 0)
    throw new UserError(`what is the prompt?\nusage: ${USAGE}`);
  const { url, key } = findSystem(values);
  neverProxyLoopback(url);
  const call = makeCall(url, key);
  const { task_id: id } = await call("POST", "/generate", {
    prompt: positionals.join(" "),
    ...(values["max-tokens"] === undefined
      ? {}
      : { max_tokens: Number(values["max-tokens"]) }),
    ...(values.temperature === undefined
      ? {}
      : { temperature: Number(values.temperature) }),
    ...(values.raw ? { raw: true } : {}),
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
    throw new UserError(
      `${/** @type {Error} */ (error).message}\nusage: ${USAGE}`,
    );
  }
}

/** The system that was named, or the one that runs here. @param {{ url?: string, key?: string }} given */
function findSystem(given) {
  const running = readRunning(folders(withDotEnv()).dataDir);
  const url = given.url ?? running?.url;
  if (!url)
    throw new UserError(
      "nothing runs here: start it with npm start, or name a system by --url and --key",
    );
  const key =
    given.key ??
    (given.url && given.url !== running?.url ? undefined : running?.key);
  if (!key)
    throw new UserError(
      "which API key? Name it by --key (of the running system only its hash is known here)",
    );
  return { url: url.replace(/\/+$/, ""), key };
}

/** @param {string} url @param {string} key */
function makeCall(url, key) {
  /**
   * @param {string} method
   * @param {string} path
   * @param {object} [body]
   * @returns {Promise<any>}
   */
  return async (method, path, body) => {
    const headers = { "X-API-Key": key, "Content-Type": "application/json" };
    const response = await fetch(url + path, {
      method,
      headers,
      ...(body ? { body: JSON.stringify(body) } : {}),
    }).catch((error) => {
      const cause = error.cause?.code ?? error.cause?.message ?? error.message;
      throw new UserError(
        `${url} doesn't answer (${cause}): does it run? (npm start)`,
      );
    });
    const answer = await response.json().catch(() => ({}));
    if (response.ok) return answer;
    throw new UserError(describeProblem(response.status, answer));
  };
}

/** RFC 9457 problem details as lines. @param {number} status @param {any} problem */
function describeProblem(status, problem) {
  const head = `${status} ${problem.title ?? "error"}`;
  const fields = (problem.errors ?? []).map(
    (/** @type {any} */ { field, message }) => `  ${field}: ${message}`,
  );
  const hint =
    status === 401
      ? ["  the key is not one of this system's API_KEYS: npm start prints it"]
      : [];
  const lines = [
    problem.detail ? `${head}: ${problem.detail}` : head,
    ...fields,
    ...hint,
  ];
  return printable(lines.join("\n"));
}

/** @param {ReturnType<typeof makeCall>} call @param {string} id */
async function waitForOutcome(call, id) {
  let shown = "";
  for (;;) {
    const answer = await call("GET", `/result/${id}?wait=${WAIT_S}`);
    if (answer.status !== "queued" && answer.status !== "processing")
      return answer;
    if (answer.status !== shown) say(dim(`… ${answer.status}`));
    shown = answer.status;
  }
}

/** @param {any} outcome body of GET /result */
function report({ status, result, metrics, error_type, error_message }) {
  if (status === "failed")
    throw new UserError(
      printable(`the task failed: ${error_type}: ${error_message}`),
    );
  if (status !== "completed") throw new UserError(`the task was ${status}`);
  say();
  say(printable(result));
  say();
  const seconds = (/** @type {number} */ value) => `${value.toFixed(2)} s`;
  /** @type {[string, string][]} */
  const rows = [
    ["waited in the queue", seconds(metrics.queue_wait_time)],
    ["processing", seconds(metrics.processing_time)],
    ["total", seconds(metrics.total_time)],
    ["prompt", `${metrics.prompt_tokens} tokens`],
    ["completion", `${metrics.completion_tokens} tokens`],
    ["speed", `${metrics.tokens_per_second.toFixed(1)} tokens/s`],
  ];
  if (typeof metrics.time_to_first_token === "number")
    rows.push(["first token after", seconds(metrics.time_to_first_token)]);
  for (const [name, value] of rows)
    say(`${dim(name.padEnd(20))} ${bold(value)}`);
}
