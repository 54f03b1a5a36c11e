/** `pnpm test:compose`: the tests of deploy/, on this machine's Docker engine. Without one they are skipped, loudly. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { root } from "../../scripts/project.mjs";
import { shell } from "./shell.ts";

const bases = ["node:24-bookworm-slim", "nats:2-alpine", "redis:7-alpine", "haproxy:3.2-alpine"]; // prettier-ignore

const missing = await whatIsMissing();
if (missing !== undefined) {
  console.log(`\nSKIPPED, nothing of deploy/ was tested: ${missing}\n`);
  process.exit(0);
}
await getBaseImages();
process.exitCode = await runTests();

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

/** From their registry; where that can't be reached, from this machine's packages. */
async function getBaseImages(): Promise<void> {
  for (const image of bases) {
    const there = await shell("docker", ["image", "inspect", image]).then(
      () => true,
      () => false,
    );
    if (there) continue;
    try {
      await shell("docker", ["pull", "--quiet", image]);
    } catch {
      const offline = join(root, "deploy/offline-images.sh");
      console.log(`${image} can't be pulled: made by ${offline}`);
      await shell("bash", [offline]);
    }
  }
}

async function runTests(): Promise<number> {
  const args = ["--disable-warning=ExperimentalWarning", "--test"];
  const limits = ["--test-concurrency=1", "--test-timeout=900000"];
  const files = join(root, "test/compose/*.compose.ts");
  const child = spawn(process.execPath, [...args, ...limits, files], {
    stdio: ["ignore", "inherit", "inherit"],
  });
  const [code] = (await once(child, "exit")) as [number | null];
  return code ?? 1;
}
