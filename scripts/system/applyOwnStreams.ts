import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { say, step, yellow } from "../install/print.mjs";
import { type Env, readJson, root } from "../install/project.mjs";
import { run, tail } from "../install/run.mjs";
import { writePrivate } from "@jetscribe/runtime/writePrivate";
import { nodeFlags } from "./services.ts";

/** What the streams are made by: another value is another stream. */
const settings = [
  ...["NAMESPACE", "EVENTS_MAX_BYTES", "TASK_TIMEOUT"],
  ...["AUDIT_MAX_AGE", "AUDIT_MAX_BYTES"],
];
const madeBy = ["streams/topology.ts", "streams/logLimit.ts"].map((file) =>
  join(root, "packages/event-log/src", file),
);
const streamsProgram = "packages/runtime/src/streams/main.ts";

/**
 * `npm start` is the operator of its own broker, whose streams no service may make or change. Before the services come up
 * they are made where they are missing, and changed where their settings, or what the project makes of them, changed since
 * the last start; `startBroker` is called only then. Whatever can't be applied is said; the services then go on with what
 * is there, or name what they can't work with.
 */
export async function applyOwnStreams(
  startBroker: () => Promise<void>,
  node: string,
  env: Env,
  dataDir: string,
): Promise<void> {
  const file = join(dataDir, "streams.json");
  const wanted = fingerprint(env);
  const isNew = !existsSync(join(dataDir, "nats", "jetstream"));
  const { applied } = readJson<{ applied: string }>(file) ?? {};
  if (applied === wanted && !isNew) return;
  if (await apply()) writePrivate(file, JSON.stringify({ applied: wanted }));

  async function apply() {
    await startBroker();
    const args = [...nodeFlags, streamsProgram, "apply", "--yes"];
    const { code, output } = await step("applying the streams' settings", () =>
      run(node, args, { cwd: root, env }),
    );
    if (code !== 0)
      say(yellow(`The streams stay as they are:\n${tail(output)}`));
    return code === 0;
  }
}

function fingerprint(env: Env): string {
  const hash = createHash("sha256");
  for (const name of settings) hash.update(`${name}=${env[name] ?? ""}\n`);
  for (const file of madeBy) hash.update(readFileSync(file));
  return hash.digest("hex");
}
