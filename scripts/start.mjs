import "./install/require-node.mjs";
import { join } from "node:path";
import { buildDashboard } from "./install/dashboard.mjs";
import { fail } from "./install/print.mjs";
import { root, withDotEnv } from "./install/project.mjs";
import { runInstead } from "./install/run.mjs";
import { findServer } from "./install/servers.mjs";
import { isNewEnough, mayTrace, setUp } from "./install/setup.mjs";

/** `npm start`: brings at once what a fresh clone lacks (packages, Node, servers), then runs system/start.ts. */

main().catch(fail);

async function main() {
  const env = withDotEnv();
  const ready = setUp({ examples: false, traces: mayTrace(env) });
  const servers = [
    ...(env.NATS_URL ? [] : [findServer("nats")]),
    ...(env.REDIS_URL ? [] : [findServer("redis")]),
  ];
  // An error waits for the others: they may be in the middle of writing something.
  await Promise.allSettled([ready, ...servers]);
  await Promise.all(servers);
  const { node } = await ready;
  await buildDashboard(node);
  const program = join(root, "scripts/system/start.ts");
  if (isNewEnough(process.version)) await import(program);
  else runInstead(node, [program, ...process.argv.slice(2)]);
}
