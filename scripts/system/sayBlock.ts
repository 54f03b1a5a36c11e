import { join } from "node:path";
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
import {
  projectionErrors,
  workerErrors,
  workerWarnings,
  type Health,
} from "./health.ts";

export interface StartFacts {
  health: Health;
  /** The processes that end again and again. */
  failing: readonly string[];
  url: string;
  publicUrl?: string | undefined;
  /** Undefined where only its hash is known. */
  key: string | undefined;
  natsUrl: string;
  dataDir: string;
  logDir: string;
  engine: string | undefined;
}

const examplePrompt = "Explain quantum computing";

/** What somebody needs who has just started the system. */
export function sayBlock(facts: StartFacts): void {
  const { health, failing, url, publicUrl, key, dataDir, logDir } = facts;
  const models = new Set(health.workers.map(({ model }) => model));
  const model = models.size > 0 ? dim(`  model ${[...models].join(", ")}`) : "";
  const errors = [
    ...[...workerErrors(health), ...projectionErrors(health)].map(oneLine),
    ...failing.map((name) => `${name}: it ends again and again`),
  ];
  const warnings = workerWarnings(health).map(oneLine);
  if (facts.engine === "fake")
    warnings.push(
      "ENGINE=fake: answers are made from the prompt, no model runs. For load tests only.",
    );
  const lines = [
    "",
    `${statusLine(health, failing)}${model}`,
    ...errors.map(red),
    ...warnings.map((warning) => yellow(bold(warning))),
    "",
    `URL        ${cyan(url)}`,
    ...(publicUrl ? [`Public URL ${cyan(publicUrl)}`] : []),
    `API key    ${key ?? "as in API_KEYS (only its hash is known here)"}`,
    `Docs       ${cyan(`${url}/docs`)}`,
    `Dashboard  ${cyan(dashboardAddress(url, key))}`,
    `Events     ${facts.natsUrl}; let a subscriber in: ${whereOf(dataDir)}npm run subscribers -- add NAME`,
    `Logs       ${join(logDir, "llm_requests.log")}, errors.log, app.log`,
    `Data       ${dataDir}`,
    "",
    "Try it:",
    `  ${whereOf(dataDir)}npm run try -- "${examplePrompt}"`,
    `  curl -s ${url}/generate -H 'X-API-Key: ${key ?? "<your key>"}' -H 'Content-Type: application/json' ` +
      `-H 'Prefer: wait=30' -d '{"prompt":"${examplePrompt}"}'; echo`,
    "",
    dim(
      "Ctrl-C stops it; tasks that are queued then are done after the next start.",
    ),
    "",
  ];
  for (const line of lines) say(line && `  ${line}`);
}

/** The page takes the key out of its address at once; what stands behind # is sent to no server. */
const dashboardAddress = (url: string, key: string | undefined): string =>
  `${url}/dashboard/${key === undefined ? "" : `#key=${encodeURIComponent(key)}`}`;

function statusLine({ healthy, status }: Health, failing: readonly string[]) {
  if (!healthy)
    return red(bold(`Jetscribe is running, but not healthy (${status})`));
  if (status !== "healthy" || failing.length > 0)
    return yellow(bold("Jetscribe is running, but degraded: see /health"));
  return green(bold("Jetscribe is running"));
}

/** What another terminal has to set before it finds this system. */
function whereOf(dataDir: string): string {
  return dataDir === folders(withDotEnv({})).dataDir
    ? ""
    : `DATA_DIR='${dataDir}' `;
}
