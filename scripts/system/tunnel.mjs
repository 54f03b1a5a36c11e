import { copyFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { step } from "../install/print.mjs";
import { localDir, root } from "../install/project.mjs";
import { run, tail } from "../install/run.mjs";

/**
 * `npm start -- --tunnel`: a public URL by ngrok's in-process agent. Whatever keeps it from opening, the system runs on
 * without it.
 */

/** @typedef {{ url: string, close: () => Promise<void> }} Tunnel */
/** @typedef {{ refused: string }} Refused why there is no tunnel, in words */

const TOKEN_PAGE = "https://dashboard.ngrok.com/get-started/your-authtoken";
const TIMEOUT_MS = 30_000;

const sources = join(root, "deploy/ngrok");
const installed = join(localDir, "ngrok");

/** Which callers may say whom they call for: the agent is in this machine. */
export const TUNNEL_PROXY = "127.0.0.1,::1";

/**
 * @param {string} url of the gateway on this machine
 * @param {import("../install/project.mjs").Env} env
 * @returns {Promise<Tunnel | Refused>}
 */
export async function openTunnel(url, env) {
  const authtoken = env.NGROK_AUTHTOKEN;
  if (!authtoken)
    return {
      refused: `NGROK_AUTHTOKEN is not set: it stands at ${TOKEN_PAGE}; put it into .env`,
    };
  try {
    return await step("opening the tunnel", () =>
      inTime(connect(url, authtoken, env)),
    );
  } catch (error) {
    return { refused: explain(/** @type {Error} */ (error).message) };
  }
}

/** @param {string} url @param {string} authtoken @param {import("../install/project.mjs").Env} env @returns {Promise<Tunnel>} */
async function connect(url, authtoken, env) {
  const ngrok = await loadAgent();
  const policy = resolve(root, env.NGROK_POLICY ?? "deploy/ngrok/policy.json");
  const listener = await ngrok.forward({
    addr: new URL(url).host,
    authtoken,
    ...(env.NGROK_URL ? { domain: hostOf(env.NGROK_URL) } : {}),
    traffic_policy: readFileSync(policy, "utf8"),
  });
  return { url: listener.url(), close: () => listener.close() };
}

/** As the agent's own setting is: with or without https://. @param {string} url */
function hostOf(url) {
  return url.replace(/^https:\/\//, "").replace(/\/+$/, "");
}

/** The agent is brought when it is first asked for: nobody else carries it. */
async function loadAgent() {
  const load = createRequire(join(installed, "package.json"));
  if (!isInstalled()) await install();
  return load("@ngrok/ngrok");
}

function isInstalled() {
  const [want, have] = [sources, installed].map((dir) => {
    const file = join(dir, "package-lock.json");
    return existsSync(file) ? readFileSync(file, "utf8") : "";
  });
  return want === have && existsSync(join(installed, "node_modules"));
}

async function install() {
  mkdirSync(installed, { recursive: true });
  for (const file of ["package.json", "package-lock.json"])
    copyFileSync(join(sources, file), join(installed, file));
  const args = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"];
  const { code, output } = await run("npm", args, { cwd: installed });
  if (code !== 0)
    throw new Error(`its agent can't be installed:\n${tail(output, 5)}`);
}

/** @template T @param {Promise<T>} promise @returns {Promise<T>} */
async function inTime(promise) {
  /** @type {NodeJS.Timeout | undefined} */
  let timer;
  const late = new Promise((_resolve, reject) => {
    const error = new Error(`no answer within ${TIMEOUT_MS / 1000} s`);
    timer = setTimeout(() => reject(error), TIMEOUT_MS);
  });
  try {
    return /** @type {T} */ (await Promise.race([promise, late]));
  } finally {
    clearTimeout(timer);
  }
}

/** ngrok's own words, and what helps. @param {string} message */
function explain(message) {
  const code = /ERR_NGROK_\d+/.exec(message)?.[0];
  if (
    code &&
    ["ERR_NGROK_105", "ERR_NGROK_106", "ERR_NGROK_107"].includes(code)
  )
    return `NGROK_AUTHTOKEN was refused (${code}): compare it with ${TOKEN_PAGE}`;
  if (code)
    return `ngrok refused it (https://ngrok.com/docs/errors/${code.toLowerCase()})`;
  if (message.includes("failed to connect session"))
    return `ngrok can't be reached (${message})`;
  return message;
}
