import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "vitest";
import {
  makeSupervised,
  type Exit,
  type Program,
  type SuperviseOptions,
} from "./supervise.ts";

const node = (script: string): Program => ({
  name: "child",
  command: process.execPath,
  args: ["-e", script],
  env: process.env,
  cwd: "/",
  holdsStdin: true,
});

const stays =
  "process.stdin.resume(); setInterval(() => {}, 1e6); console.log('up');";

/** Starts a child and waits for its first line. */
async function startChild(script: string, options: SuperviseOptions = {}) {
  const waiting: ((line: string) => void)[] = [];
  const child = makeSupervised(node(script), {
    onLine: (line) => waiting.shift()?.(line),
    ...options,
  });
  const nextLine = () =>
    new Promise<string>((resolve) => waiting.push(resolve));
  const first = nextLine();
  child.start();
  await first;
  return { child, nextLine };
}

const isAlive = (pid: number) => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

test("a child that dies is started again, later each time", async () => {
  const delays: (number | undefined)[] = [];
  const { child, nextLine } = await startChild(stays, {
    onExit: ({ restartInMs }) => delays.push(restartInMs),
  });
  for (let i = 0; i < 2; i++) {
    const again = nextLine();
    child.send("SIGKILL");
    await again;
  }
  assert.equal(child.failures, 2);
  await child.stop(60_000);
  assert.deepEqual(delays, [200, 400, undefined]);
});

test("a child that can never run stays down, and its last words are heard", async () => {
  const program = node("console.error('PORT: is not set'); process.exit(78);");
  const exit = await new Promise<Exit & { said: string }>((onExit) => {
    const options = { ...program, hopelessCode: 78 };
    const child = makeSupervised(options, {
      onExit: (exit) => onExit({ ...exit, said: child.output() }),
    });
    child.start();
  });
  assert.deepEqual(exit, {
    code: 78,
    signal: null,
    restartInMs: undefined,
    said: "PORT: is not set",
  });
});

test("a stopped child stays down", async () => {
  const { child } = await startChild(stays);
  const pid = child.pid ?? 0;
  assert.equal(await child.stop(60_000), true);
  assert.equal(child.pid, undefined);
  assert.equal(isAlive(pid), false);
});

test("a child that ignores SIGTERM is killed at the deadline", async () => {
  const { child } = await startChild(
    `process.on('SIGTERM', () => {}); ${stays}`,
  );
  assert.equal(await child.stop(50), false);
  assert.equal(child.pid, undefined);
});

test("what a dead child leaves behind is ended with it", async () => {
  const script = `
    const child = require('child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e6)']);
    process.stdin.resume(); setInterval(() => {}, 1e6);
    console.log(child.pid);`;
  const { child } = await startChild(script, { restarts: false });
  const grandchild = Number(child.output());
  assert.ok(isAlive(grandchild));
  process.kill(child.pid ?? 0, "SIGKILL"); // the child alone, as a crash would
  await child.gone();
  const state = () => {
    try {
      return execFileSync("ps", ["-o", "state=", "-p", String(grandchild)])
        .toString()
        .trim();
    } catch {
      return "";
    }
  };
  // It is not ours to wait for: the kernel ends it a moment later.
  const isGone = () => /^(Z.*)?$/.test(state()); // or dead, and not yet collected by init
  while (!isGone()) await new Promise(setImmediate);
});

test("a child sees its stdin end when its supervisor is killed", async () => {
  const module = new URL("./supervise.ts", import.meta.url).href;
  const script = `
    import { makeSupervised } from ${JSON.stringify(module)};
    const script = "process.stdin.resume().on('end', () => process.exit(0)); setInterval(() => {}, 1e6); console.log(process.pid);";
    const child = makeSupervised(
      { name: "child", command: process.execPath, args: ["-e", script], env: process.env, cwd: "/", holdsStdin: true },
      { onLine: (line) => console.log(line) });
    child.start();`;
  const supervisor = spawn(process.execPath, [
    "--input-type=module",
    "-e",
    script,
  ]);
  const [line] = (await once(supervisor.stdout, "data")) as [Buffer];
  const pid = Number(line);
  assert.ok(isAlive(pid));
  const closed = once(supervisor.stdout, "close");
  supervisor.kill("SIGKILL");
  await closed;
  while (isAlive(pid)) await new Promise(setImmediate);
});

test("a program that does not exist is an exit, not an exception", async () => {
  const missing = { ...node(""), command: "/no/such/program" };
  const exit = await new Promise<Exit>((resolve) => {
    makeSupervised(missing, { restarts: false, onExit: resolve }).start();
  });
  assert.equal(exit.code, null);
});
