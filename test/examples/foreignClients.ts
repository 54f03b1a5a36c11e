/** Clients of NATS in other languages: the machine's own, or brought into `.local`. */
import { spawnSync } from "node:child_process";
import { existsSync, globSync } from "node:fs";
import { join } from "node:path";
import { distribution, unpackDebs } from "../../scripts/install/debs.mjs";
import { withLock } from "../../scripts/install/lock.mjs";
import { localDir } from "../../scripts/install/project.mjs";
import { run, runOrThrow } from "../../scripts/install/run.mjs";

/** How long a client may take to be brought: far above what a busy machine needs. */
export const bringMs = 600_000;

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

const natsPy = "2.15.0";

/** Variables with which `python3` has nats-py, of the version that docs/subscribe.md names, and its nkeys; undefined where it can't be had. */
export async function findNatsPy(): Promise<NodeJS.ProcessEnv | undefined> {
  const check = `import sys, nkeys, importlib.metadata as m; sys.exit(m.version("nats-py") != "${natsPy}")`;
  if (succeeds("python3", ["-c", check])) return {};
  if (!succeeds("python3", ["-m", "pip", "--version"])) return undefined;
  const dir = join(localDir, `nats-py-${natsPy}`);
  // A registry that can't be reached is not waited for.
  const once = ["--retries", "0", "--timeout", "15"];
  const pip = ["-m", "pip", "install", "--quiet", ...once];
  const there = await bringOnce(dir, () =>
    runOrThrow(
      "python3",
      [...pip, "--target", dir, `nats-py[nkeys]==${natsPy}`],
      {
        timeoutMs: 120_000,
      },
    ),
  );
  return there ? { PYTHONPATH: dir } : undefined;
}

/**
 * Compiles a program with Debian's C client into `program`, and gives the variables to run it with; undefined where the
 * machine has no compiler, or no C client can be had. Rejects where the program itself does not compile.
 */
export async function compileWithNats(
  source: string,
  program: string,
): Promise<NodeJS.ProcessEnv | undefined> {
  const client = await findLibnats(program);
  if (client === undefined) return undefined;
  const warnings = ["-Wall", "-Wextra", "-Werror"];
  const flags = [...warnings, "-o", program, source, ...client.flags, "-lnats"];
  const { code, output } = await run("cc", flags);
  if (code !== 0) throw new Error(output);
  return client.env;
}

/** With which flags of the compiler a program finds the C client, and with which variables it runs; `probe` is a file to write to. */
async function findLibnats(
  probe: string,
): Promise<{ flags: string[]; env: NodeJS.ProcessEnv } | undefined> {
  const compiles = (header: string, ...flags: string[]): boolean =>
    spawnSync("cc", ["-o", probe, "-x", "c", "-", ...flags], {
      input: `#include <${header}>\nint main(void) { return 0; }\n`,
    }).status === 0;
  // A compiler without the C library's headers is none.
  if (!compiles("stdio.h")) return undefined;
  if (compiles("nats/nats.h", "-lnats")) return { flags: [], env: {} };
  const own = distribution();
  if (own === undefined) return undefined;
  const dir = join(localDir, "libnats");
  const there = await bringOnce(dir, () =>
    unpackDebs(own, own.codename, ["libnats-dev"], dir),
  );
  const [libraries] = globSync(join(dir, "usr/lib/*-linux-*"));
  if (!there || libraries === undefined) return undefined;
  const flags = [`-I${join(dir, "usr/include")}`, `-L${libraries}`];
  return {
    flags: [...flags, `-Wl,-rpath-link,${libraries}`],
    env: { LD_LIBRARY_PATH: libraries },
  };
}
