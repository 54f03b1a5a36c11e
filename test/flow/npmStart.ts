/** `npm start`, as a child of the test: what it said is told where the test fails. */
import { brokerOf } from "@jetscribe/runtime";
import { seedFileOf } from "@jetscribe/runtime/ownAccounts";
import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { ended, endWithUs } from "../../packages/testing/src/leftovers.ts";
import { readRunning } from "../../scripts/system/dataDir.ts";

const script = fileURLToPath(
  new URL("../../scripts/start.mjs", import.meta.url),
);

export interface Started {
  child: ChildProcess;
  /** All that it and its children said so far. */
  output: () => string;
}

/** `within`: a command that runs another one, which is the rest of its arguments. */
export function npmStart(
  env: Record<string, string>,
  { args = [], within = [] }: { args?: string[]; within?: string[] } = {},
): Started {
  const words = [...within, process.execPath, script, ...args];
  const [command = "", ...rest] = words;
  const child = spawn(command, rest, {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let text = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk: Buffer) => (text += chunk.toString()));
  const output = () => text;
  const spawned = { name: "npm start", kill: () => void child.kill(), output };
  endWithUs(spawned);
  child.once("exit", () => ended(spawned));
  return { child, output };
}

/** The broker of a running system, for its operator. */
export function operatorOf(dataDir: string) {
  const { natsUrl } = readRunning(dataDir) ?? assert.fail("it does not run");
  const NATS_NKEY_FILE = seedFileOf(dataDir, "operator");
  return brokerOf({ NATS_URL: natsUrl, NATS_NKEY_FILE }, "operator");
}

/** All that a process started, itself first. */
export async function treeOf(pid = 0): Promise<number[]> {
  const children = await readFile(
    `/proc/${pid}/task/${pid}/children`,
    "utf8",
  ).catch(() => "");
  const pids = children.split(" ").filter(Boolean).map(Number);
  return [pid, ...(await Promise.all(pids.map(treeOf))).flat()];
}

/** The process of the system whose command line has the text: `pids.json` is an old one while the disk is full. */
export async function pidOf(child: ChildProcess, text: string) {
  for (const pid of await treeOf(child.pid)) {
    const line = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
    if (line.includes(text)) return pid;
  }
  throw new Error(`${text} does not run`);
}
