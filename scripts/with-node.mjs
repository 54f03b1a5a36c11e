import "./install/require-node.mjs";
import { join, resolve } from "node:path";
import { fail, UserError } from "./install/print.mjs";
import { compileCache, root } from "./install/project.mjs";
import { runInstead } from "./install/run.mjs";
import { mayTrace, setUp } from "./install/setup.mjs";

/**
 * Runs a file, or with `--bin NAME` a tool of the workspace, under the right Node, after the set-up:
 * `node scripts/with-node.mjs bench/run.ts --quick`, `node scripts/with-node.mjs --bin tsc -p .`
 */

main().catch(fail);

async function main() {
  const [first, ...rest] = process.argv.slice(2);
  const isTool = first === "--bin";
  if (!first || (isTool && !rest[0]))
    throw new UserError(
      "usage: node scripts/with-node.mjs FILE|--bin NAME [ARGUMENT...]",
    );
  // Only the examples need their packages, and the tools that look at all of the source.
  const examples = isTool || resolve(first).startsWith(join(root, "examples"));
  const traces = isTool || mayTrace(process.env);
  const { node } = await setUp({ examples, traces });
  // The tools are scripts that look for `node` on PATH.
  const env = {
    NODE_COMPILE_CACHE: compileCache,
    ...process.env,
    PATH: `${join(node, "..")}:${process.env.PATH}`,
  };
  const [tool = "", ...toolArgs] = rest;
  if (isTool) runInstead(join(root, "node_modules/.bin", tool), toolArgs, env);
  else
    runInstead(
      node,
      ["--disable-warning=ExperimentalWarning", first, ...rest],
      env,
    );
}
