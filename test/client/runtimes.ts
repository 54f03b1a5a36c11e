/** The programs in which the client runs besides browsers. */
import { execFile } from "node:child_process";
import { existsSync, globSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bringPackages } from "../../scripts/install/bringPackages.mjs";
import { root } from "../../scripts/install/project.mjs";

const sources = join(root, "test/client/runtimes");

/** What runs a module that comes by stdin: of each runtime the program and its arguments. */
export const runtimes = {
  Node: () => Promise.resolve([process.execPath, "--input-type=module"]),
  Deno: async () => [
    await bring("@deno/*/deno"),
    ...["run", "--no-config", "--no-lock", "--allow-net=127.0.0.1", "-"],
  ],
  Bun: async () => [await bring("@oven/*/bin/bun"), "run", "-"],
};

/** The program of this kind that the npm registry has for this machine. */
async function bring(pattern: string): Promise<string> {
  const packages = join(await bringPackages(sources, "runtimes"), "node_modules"); // prettier-ignore
  const [found] = globSync(join(packages, pattern)).filter(existsSync);
  if (found === undefined) throw new Error(`there is no ${pattern} here`);
  return found;
}

/** What the program prints, to which `code` is given. Rejects where it ends with another code than 0. */
export async function runModule(
  [program = "", ...args]: readonly string[],
  code: string,
): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "jetscribe-runtime-"));
  const own = { HOME: dir, DENO_DIR: dir, DENO_NO_UPDATE_CHECK: "1" };
  const env = { ...process.env, ...own };
  try {
    return await new Promise((resolve, reject) => {
      const options = { cwd: root, env, timeout: 100_000 };
      const child = execFile(program, args, options, (error, out, err) =>
        error ? reject(new Error(`${error.message}\n${err}`)) : resolve(out),
      );
      child.stdin?.end(code);
    });
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}
