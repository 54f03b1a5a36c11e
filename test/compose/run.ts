/**
 * `npm run test:compose`, on this machine's Docker engine: the adapters on the oldest and the newest servers, then the system
 * in containers. Without an engine they are skipped, loudly. `npm run test:compose -- adapters` or `system`: one part of it.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { root } from "../../scripts/install/project.mjs";
import { adapterRuns } from "./adapters.ts";
import { getBaseImages } from "./images.ts";
import { shell } from "./shell.ts";

const parts = { adapters, system };
const chosen = process.argv.slice(2);

const missing = await whatIsMissing();
if (missing !== undefined) {
  console.log(`\nSKIPPED, nothing of deploy/ was tested: ${missing}\n`);
  process.exit(0);
}
for (const [name, run] of Object.entries(parts))
  if (chosen.length === 0 || chosen.includes(name)) await run();

async function whatIsMissing(): Promise<string | undefined> {
  for (const [args, what] of [
    [["version", "--format", "{{.Server.Version}}"], "a Docker engine"],
    [["compose", "version", "--short"], "the Docker Compose plugin"],
  ] as const)
    try {
      console.log(`${what}: ${await shell("docker", args)}`);
    } catch {
      return `${what} is not there, or may not be used by this user`;
    }
  return undefined;
}

async function adapters(): Promise<void> {
  for (const { name, folder, env } of await adapterRuns()) {
    console.log(`\n${name}`);
    await runTests(["--project=integration", "--project=long", folder], env);
  }
}

async function system(): Promise<void> {
  await getBaseImages();
  await runTests(["--project=compose"]);
}

async function runTests(
  options: readonly string[],
  env: Record<string, string> = {},
): Promise<void> {
  const child = spawn(
    process.execPath,
    [
      join(root, "node_modules/vitest/vitest.mjs"),
      ...["--run", "--maxWorkers=1", ...options],
    ],
    {
      cwd: root,
      stdio: ["ignore", "inherit", "inherit"],
      env: { ...process.env, ...env },
    },
  );
  const [code] = (await once(child, "exit")) as [number | null];
  process.exitCode ||= code ?? 1;
}
