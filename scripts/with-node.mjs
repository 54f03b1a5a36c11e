import "./install/require-node.mjs";
import { spawn } from "node:child_process";
import { constants } from "node:os";
import { join } from "node:path";
import { fail } from "./install/print.mjs";
import { root, UserError } from "./install/project.mjs";
import { setUp } from "./install/setup.mjs";

/**
 * Runs a file, or with `--bin NAME` a tool of the workspace, under the right Node, after the set-up:
 * `node scripts/with-node.mjs bench/run.ts --quick`, `node scripts/with-node.mjs --bin tsc -p .`
 */

main().catch(fail);

async function main() {
  const args = process.argv.slice(2);
  if (args.length === 0 || (args[0] === "--bin" && !args[1]))
    throw new UserError(
      "usage: node scripts/with-node.mjs FILE|--bin NAME [ARGUMENT...]",
    );
  const { node } = await setUp();
  const [command = "", ...rest] =
    args[0] === "--bin"
      ? [join(root, "node_modules/.bin", args[1] ?? ""), ...args.slice(2)]
      : [node, ...args];
  // The tools are scripts that look for `node` on PATH.
  const env = {
    ...process.env,
    PATH: `${join(node, "..")}:${process.env.PATH}`,
  };
  const flags =
    command === node ? ["--disable-warning=ExperimentalWarning"] : [];
  const child = spawn(command, [...flags, ...rest], { stdio: "inherit", env });
  child.once("error", fail);
  child.once("exit", (code, signal) =>
    process.exit(signal ? 128 + constants.signals[signal] : (code ?? 1)),
  );
  // The terminal gives them to the child as well; it decides when to end.
  for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM"]))
    process.on(signal, () => child.kill(signal));
}
