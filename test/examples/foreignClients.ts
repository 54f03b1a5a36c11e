/** Clients of NATS in other languages: the machine's own, or brought into `.local`. */
import { spawnSync } from "node:child_process";
import { existsSync, globSync } from "node:fs";
import { join } from "node:path";
import { distribution, unpackDebs } from "../../scripts/install/debs.mjs";
import { withLock } from "../../scripts/install/lock.mjs";
import { localDir } from "../../scripts/install/project.mjs";
import { run, runOrThrow } from "../../scripts/install/run.mjs";

const succeeds = (program: string, args: string[], env = {}): boolean =>
  spawnSync(program, args, { env: { ...process.env, ...env } }).status === 0;

/** Fills a folder of `.local` once; whether it is there. */
async function bringOnce(
  dir: string,
  bring: () => Promise<void>,
): Promise<boolean> {
  await withLock(`${dir}.lock`, async () => {
    if (!existsSync(dir)) await bring();
  }).catch((error: unknown) => {
    console.warn("SKIPPED, without a client of NATS:", error);
  });
  return existsSync(dir);
}

/** Variables with which `python3` has nats-py; undefined where it can't be had. */
export async function findNatsPy(): Promise<NodeJS.ProcessEnv | undefined> {
  if (succeeds("python3", ["-c", "import nats"])) return {};
  if (!succeeds("python3", ["-m", "pip", "--version"])) return undefined;
  const dir = join(localDir, "nats-py");
  // A registry that can't be reached is not waited for.
  const once = ["--retries", "0", "--timeout", "15"];
  const pip = ["-m", "pip", "install", "--quiet", ...once, "--no-deps"];
  const there = await bringOnce(dir, () =>
    runOrThrow("python3", [...pip, "--target", dir, "nats-py==2.15.0"]),
  );
  return there ? { PYTHONPATH: dir } : undefined;
}

/** Compiles a program with Debian's C client into `program`, and gives the variables to run it with; undefined where that can't be. */
export async function compileWithNats(
  source: string,
  program: string,
): Promise<NodeJS.ProcessEnv | undefined> {
  if (!succeeds("cc", ["--version"])) return undefined;
  const warnings = ["-Wall", "-Wextra", "-Werror"];
  const compile = (...flags: string[]) =>
    run("cc", [...warnings, "-o", program, source, ...flags, "-lnats"]);
  if ((await compile()).code === 0) return {};
  const own = distribution();
  if (own === undefined) return undefined;
  const dir = join(localDir, "libnats");
  const there = await bringOnce(dir, () =>
    unpackDebs(own, own.codename, ["libnats-dev"], dir),
  );
  const [libraries] = globSync(join(dir, "usr/lib/*-linux-*"));
  if (!there || libraries === undefined) return undefined;
  const { code, output } = await compile(
    ...[`-I${join(dir, "usr/include")}`, `-L${libraries}`],
    `-Wl,-rpath-link,${libraries}`,
  );
  if (code !== 0) throw new Error(output);
  return { LD_LIBRARY_PATH: libraries };
}
