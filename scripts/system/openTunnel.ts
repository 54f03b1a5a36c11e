import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { bringPackages } from "../install/bringPackages.mjs";
import { step } from "../install/print.mjs";
import { type Env, root } from "../install/project.mjs";

export type Tunnel =
  | { url: string; close: () => Promise<void> }
  /** Why there is no tunnel, in words. */
  | { refused: string };

/** What is used of `@ngrok/ngrok`. */
interface Agent {
  forward: (
    options: Record<string, string>,
  ) => Promise<{ url: () => string; close: () => Promise<void> }>;
}

const tokenPage = "https://dashboard.ngrok.com/get-started/your-authtoken";
const timeoutMs = 30_000;

const sources = join(root, "deploy/ngrok");

/** Which callers may say whom they call for: the agent is in this machine. */
export const tunnelProxy = "127.0.0.1,::1";

/**
 * `npm start -- --tunnel`: a public URL, by ngrok's in-process agent, for the gateway at `url` on this machine. Whatever
 * keeps it from opening, the system runs on without it.
 */
export async function openTunnel(url: string, env: Env): Promise<Tunnel> {
  const authtoken = env["NGROK_AUTHTOKEN"];
  if (!authtoken)
    return {
      refused: `NGROK_AUTHTOKEN is not set: it stands at ${tokenPage}; put it into .env`,
    };
  try {
    return await step("opening the tunnel", () =>
      inTime(connect(url, authtoken, env)),
    );
  } catch (error) {
    return { refused: explain((error as Error).message) };
  }
}

async function connect(url: string, authtoken: string, env: Env) {
  const ngrok = await loadAgent();
  const policy = env["NGROK_POLICY"] ?? "deploy/ngrok/policy.json";
  // As the agent's own setting is: with or without https://.
  const domain = env["NGROK_URL"]
    ?.replace(/^https:\/\//, "")
    .replace(/\/+$/, "");
  const listener = await ngrok.forward({
    addr: new URL(url).host,
    authtoken,
    ...(domain ? { domain } : {}),
    traffic_policy: readFileSync(resolve(root, policy), "utf8"),
  });
  return { url: listener.url(), close: () => listener.close() };
}

/** The agent is brought when it is first asked for: nobody else carries it. */
async function loadAgent(): Promise<Agent> {
  const folder = await bringPackages(sources, "ngrok");
  return createRequire(join(folder, "package.json"))("@ngrok/ngrok") as Agent;
}

function inTime<T>(promise: Promise<T>): Promise<T> {
  const late = sleep(timeoutMs, undefined, { ref: false }).then(() => {
    throw new Error(`no answer within ${timeoutMs / 1000} s`);
  });
  return Promise.race([promise, late]);
}

/** ngrok's own words, and what helps. */
function explain(message: string): string {
  const code = /ERR_NGROK_\d+/.exec(message)?.[0];
  if (code && /_10[567]$/.test(code))
    return `NGROK_AUTHTOKEN was refused (${code}): compare it with ${tokenPage}`;
  if (code)
    return `ngrok refused it (https://ngrok.com/docs/errors/${code.toLowerCase()})`;
  if (message.includes("failed to connect session"))
    return `ngrok can't be reached (${message})`;
  return message;
}
