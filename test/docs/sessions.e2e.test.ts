/** The sessions of the documents, command by command, against a running system with the demo model. */
import { eventually, startStack, type Stack } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  copyFile,
  mkdir,
  mkdtemp,
  rm,
  symlink,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, test } from "vitest";
import { makeTestSubscriber } from "../examples/testSubscriber.ts";
import { outcome, post } from "../flow/client.ts";
import { readDocument, root, type Document } from "./documents.ts";
import { matches, stepsOf, withIds, type Ids, type Step } from "./sessions.ts";

describe("the sessions of", () => {
  let stack: Stack;
  let dir: string;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), "jetscribe-docs-"));
    const watch = await makeTestSubscriber(dir, { name: "watch" });
    stack = await startStack({ subscribers: [watch.subscriber] });
    const seeds = join(stack.dataDir, "credentials/subscribers");
    await mkdir(seeds);
    await copyFile(watch.env.NATS_NKEY_FILE, join(seeds, "watch.nk"));
    // As the project's folder of somebody who ran `npm start` and installed the NATS client.
    await symlink(stack.dataDir, join(dir, ".data"));
    await symlink(stack.logDir, join(dir, "logs"));
    const modules = join(root, "packages/event-log/node_modules");
    await symlink(modules, join(dir, "node_modules"));
  });
  afterAll(async () => {
    await rm(dir, { recursive: true, force: true });
    await stack.stop();
  });

  for (const path of [
    "README.md",
    ...["docs/rest.md", "docs/openai.md", "docs/events.md"],
  ])
    test(path, async () => {
      const document = readDocument(path);
      for (const [name, text] of programsOf(document))
        await writeFile(join(dir, name), text);
      const steps = stepsOf(document.blocks);
      assert.ok(steps.length > 0);
      const ids: Ids = new Map();
      const variables: string[] = [];
      for (const [i, step] of steps.entries())
        if (/^[A-Z]+=/.test(step.command)) variables.push(step.command);
        else {
          // The task that is cancelled next must not end before.
          if (isCancel(steps[i + 1])) await stack.kill("inference", "SIGSTOP");
          await follow(step, variables, ids);
          if (isCancel(step)) await stack.kill("inference", "SIGCONT");
        }
    });

  async function follow(step: Step, variables: string[], ids: Ids) {
    const command = withIds(step.command, ids)
      .replaceAll("http://127.0.0.1:8000", stack.url)
      .replace(/nats:\/\/127\.0\.0\.1:\d+/, stack.nats.url);
    const lines = [...variables, command].join("\n");
    const changes = / -d | -X POST/.test(command);
    let printed = "";
    const isAsShown = async () => {
      printed = await run(lines, step, ids);
      return matches(step, printed, ids);
    };
    // What only reads may be early: a log line comes some milliseconds after the result.
    const found = changes
      ? await isAsShown()
      : await eventually(isAsShown).catch(() => false);
    assert.ok(
      found,
      `${command}\nprinted:\n${printed}\nthe document shows:\n${step.output}`,
    );
  }

  /** What a command prints until it ends; one that listens is ended once it has printed what the document shows. */
  async function run(lines: string, step: Step, ids: Ids): Promise<string> {
    const child = spawn("bash", ["-c", lines], { cwd: dir, detached: true });
    let printed = "";
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (chunk: Buffer) => (printed += chunk.toString()));
    const ended = once(child, "close");
    const text = () => printed.replaceAll("\r", "").trim();
    try {
      if (lines.includes("watch.mjs"))
        await eventually(async () => {
          await outcome(stack, await post(stack));
          return matches(step, text(), ids);
        }).catch(() => undefined); // `follow` says what was printed
      else await ended;
    } finally {
      const runs = child.exitCode === null && child.signalCode === null;
      if (runs && child.pid) process.kill(-child.pid);
      await ended;
    }
    return text();
  }
});

const isCancel = (step: Step | undefined): boolean =>
  step?.command.includes("/cancel/") ?? false;

/** The JavaScript blocks, by the file name that the text before each of them says. */
function programsOf({ text }: Document): [string, string][] {
  return [...text.matchAll(/^```js\n(.*?)^```$/gms)].map(
    ({ 1: program = "", index }) => {
      const names = [...text.slice(0, index).matchAll(/`(\w+\.mjs)`/g)];
      return [names.at(-1)?.[1] ?? "", program];
    },
  );
}
