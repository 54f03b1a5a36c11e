import { join } from "node:path";
import { projectionErrors, workerErrors, workerWarnings } from "./health.mjs";
import {
  bold,
  cyan,
  dim,
  green,
  oneLine,
  red,
  say,
  yellow,
} from "../install/print.mjs";
import { folders, withDotEnv } from "../install/project.mjs";

/**
 * What somebody needs who has just started the system.
 * @param {{ health: import("./health.mjs").Health, failing: string[], url: string, key: string | undefined, natsUrl: string,
 *   publicUrl?: string | undefined, dataDir: string, logDir: string, engine: string | undefined }} facts
 */
export function sayBlock({
  health,
  failing,
  url,
  publicUrl,
  key,
  natsUrl,
  dataDir,
  logDir,
  engine,
}) {
  const prompt = "Explain quantum computing";
  const models = [
    ...new Set(health.workers.map((worker) => worker.model)),
  ].filter(Boolean);
  const status = statusLine(health, failing);
  say();
  say(
    `  ${status}${models.length > 0 ? dim(`  model ${models.join(", ")}`) : ""}`,
  );
  for (const error of workerErrors(health)) say(`  ${red(oneLine(error))}`);
  for (const error of projectionErrors(health)) say(`  ${red(oneLine(error))}`);
  for (const name of failing)
    say(`  ${red(`${name}: it ends again and again`)}`);
  for (const warning of workerWarnings(health))
    say(`  ${yellow(bold(oneLine(warning)))}`);
  if (engine === "fake")
    say(
      `  ${yellow(bold("ENGINE=fake: every answer is a fixed text, no model runs. For load tests only."))}`,
    );
  say();
  say(`  URL        ${cyan(url)}`);
  if (publicUrl) say(`  Public URL ${cyan(publicUrl)}`);
  say(`  API key    ${key ?? "as in API_KEYS (only its hash is known here)"}`);
  say(`  Docs       ${cyan(`${url}/docs`)}`);
  say(`  Events     nats sub -s ${natsUrl} "llm.stored.>"`);
  say(`  Logs       ${join(logDir, "llm_requests.log")}, errors.log, app.log`);
  say(`  Data       ${dataDir}`);
  say();
  say("  Try it:");
  say(`    ${whereOf(dataDir)}npm run try -- "${prompt}"`);
  say(
    `    curl -s ${url}/generate -H 'X-API-Key: ${key ?? "<your key>"}' -H 'Content-Type: application/json' ` +
      `-H 'Prefer: wait=30' -d '{"prompt":"${prompt}"}'; echo`,
  );
  say();
  say(
    dim(
      "  Ctrl-C stops it; tasks that are queued then are done after the next start.",
    ),
  );
  say();
}

/** @param {import("./health.mjs").Health} health @param {string[]} failing */
function statusLine({ healthy, status }, failing) {
  if (!healthy)
    return red(bold(`Jetscribe is running, but not healthy (${status})`));
  if (status !== "healthy" || failing.length > 0)
    return yellow(bold("Jetscribe is running, but degraded: see /health"));
  return green(bold("Jetscribe is running"));
}

/** What another terminal has to set before it finds this system. @param {string} dataDir */
function whereOf(dataDir) {
  return dataDir === folders(withDotEnv({})).dataDir
    ? ""
    : `DATA_DIR='${dataDir}' `;
}
