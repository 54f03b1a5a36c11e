import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { test, type TestContext } from "vitest";

const modules = ["lifecycle", "config"].map(
  (name) => new URL(`./${name}.ts`, import.meta.url).href,
);
const [lifecycle, config] = modules.map((href) => JSON.stringify(href));

/** Starts a service whose main has the body `script`; `say` writes a line to stdout, where the log is too. */
function startService(t: TestContext, script: string, env = {}) {
  const child = spawn(process.execPath, [
    "--input-type=module",
    "-e",
    `import { writeSync } from "node:fs";
     import { runService } from ${lifecycle};
     import { ConfigError } from ${config};
     const say = (msg) => writeSync(1, JSON.stringify({ msg }) + "\\n");
     await runService("probe", async ({ stack, stopping, fail, log }) => { ${script} },
       { env: ${JSON.stringify(env)}, drainTimeoutMs: 0 });`,
  ]);
  t.onTestFinished(() => void child.kill("SIGKILL"));
  const seen: string[] = [];
  const lines = createInterface({ input: child.stdout });
  const told = new EventTarget();
  lines.on("line", (line) => {
    seen.push((JSON.parse(line) as { msg: string }).msg);
    told.dispatchEvent(new Event("line"));
  });
  const ended = Promise.all([once(child, "close"), once(lines, "close")]);
  const stderr = text(child.stderr);
  return {
    child,
    /** The messages on stdout so far. */
    seen,
    /** Closes our end of its stdout. */
    stopReading() {
      lines.close(); // readline doesn't notice that its input is destroyed
      child.stdout.destroy();
    },
    /** Resolves when a message has come. */
    async until(msg: string) {
      while (!seen.includes(msg)) await once(told, "line");
    },
    /** Resolves when the process is gone. */
    async end() {
      const [[code]] = (await ended) as [[number | null], unknown];
      return { code, stderr: await stderr };
    },
  };
}

test("a signal aborts `stopping`, closes in reverse order and exits with 0", async (t) => {
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    const service = startService(
      t,
      `stopping.addEventListener("abort", () => say("aborted"));
       stack.defer(() => say("first opened")); stack.defer(() => say("last opened"));
       setInterval(() => {}, 1e6);`,
    );
    await service.until("started");
    service.child.kill(signal);
    assert.equal((await service.end()).code, 0);
    assert.deepEqual(service.seen, [
      "started",
      "stopping",
      "aborted",
      "last opened",
      "first opened",
      "stopped",
    ]);
  }
});

test("a signal while main still starts closes what is open", async (t) => {
  const service = startService(
    t,
    `stack.defer(() => say("closed")); say("opening"); await new Promise(() => {});`,
  );
  await service.until("opening");
  service.child.kill("SIGTERM");
  assert.equal((await service.end()).code, 0);
  assert.ok(service.seen.includes("closed"));
});

test("a supervised service stops when its stdin ends, even if nobody reads its output any more", async (t) => {
  const service = startService(
    t,
    `stack.defer(() => { process.stderr.write("closed"); });`,
    { JETSCRIBE_SUPERVISED: "1" },
  );
  await service.until("started");
  service.stopReading();
  service.child.stdin.end();
  assert.deepEqual(await service.end(), { code: 0, stderr: "closed" });
});

test("without a supervisor the end of stdin means nothing", async (t) => {
  const service = startService(
    t,
    `process.stdin.resume().on("end", () => { say("stdin ended"); setImmediate(() => process.kill(process.pid, "SIGTERM")); });`,
  );
  service.child.stdin.end();
  assert.equal((await service.end()).code, 0);
  assert.ok(
    service.seen.indexOf("stdin ended") < service.seen.indexOf("stopping"),
  );
});

const hangs = `stack.defer(() => { say("closing"); return new Promise(() => {}); });`;

test("a second signal exits at once", async (t) => {
  const service = startService(t, hangs);
  await service.until("started");
  service.child.kill("SIGTERM");
  await service.until("closing");
  service.child.kill("SIGINT");
  assert.equal((await service.end()).code, 1);
  assert.equal(service.seen.at(-1), "stopped by force");
});

test("the same signal within a second is the same one; later it is a second", async (t) => {
  const service = startService(
    t,
    `let ms = performance.now();
     performance.now = () => ms;
     stopping.addEventListener("abort", () => {
       ms += 999;
       process.emit("SIGINT", "SIGINT");
       delete performance.now;
       say("again");
     });
     stack.defer(() => new Promise(() => {}));`,
  );
  await service.until("started");
  service.child.kill("SIGINT");
  await Promise.race([service.until("again"), service.end()]);
  assert.ok(service.seen.includes("again"));
  // Each further one is the same until the second is over.
  const repeat = setInterval(() => service.child.kill("SIGINT"), 50);
  t.onTestFinished(() => clearInterval(repeat));
  assert.equal((await service.end()).code, 1);
  assert.equal(service.seen.at(-1), "stopped by force");
});

test("closing that takes too long exits with 1", async (t) => {
  const service = startService(t, hangs);
  await service.until("started");
  service.child.kill("SIGTERM");
  assert.equal((await service.end()).code, 1);
  assert.equal(service.seen.at(-1), "closing took too long");
});

test("errors while closing are all logged, the rest is closed, and the exit code is 1", async (t) => {
  const service = startService(
    t,
    `stack.defer(() => say("closed"));
     stack.defer(() => { throw new Error("one"); });
     stack.defer(() => { throw new Error("two"); });`,
  );
  await service.until("started");
  service.child.kill("SIGTERM");
  assert.equal((await service.end()).code, 1);
  const rest = service.seen.slice(service.seen.indexOf("closed"));
  assert.deepEqual(rest, ["closed", "closing failed", "closing failed"]);
});

const failures = {
  "an error of main": `throw new Error("no");`,
  "an uncaught exception": `setImmediate(() => { throw new Error("no"); });`,
  "an unhandled rejection": `void Promise.reject(new Error("no"));`,
  "fail()": `setImmediate(() => fail(new Error("no")));`,
};
for (const [what, script] of Object.entries(failures))
  test(`${what} is logged, closes what is open and exits with 1`, async (t) => {
    const service = startService(
      t,
      `stack.defer(() => say("closed")); ${script}`,
    );
    assert.equal((await service.end()).code, 1);
    const rest = service.seen.filter((msg) => msg !== "started");
    assert.deepEqual(rest, ["service failed", "closed", "stopped"]);
  });

test("a failed service that can't close exits after 2 s", async (t) => {
  const service = startService(t, `${hangs} throw new Error("no");`);
  await service.until("closing");
  assert.equal((await service.end()).code, 1);
  assert.ok(!service.seen.includes("closing took too long"));
});

test("a failure while closing makes the exit code 1", async (t) => {
  const service = startService(
    t,
    `stack.defer(() => { void Promise.reject(new Error("no")); return new Promise(setImmediate); });`,
  );
  await service.until("started");
  service.child.kill("SIGTERM");
  assert.equal((await service.end()).code, 1);
  assert.ok(service.seen.includes("service failed"));
});

test("a wrong configuration is listed on stderr and exits with 78", async (t) => {
  const service = startService(
    t,
    `throw new ConfigError([{ name: "PORT", message: "is not set" }, { name: "MODEL", message: "no such file" }]);`,
  );
  assert.deepEqual(await service.end(), {
    code: 78,
    stderr:
      "probe: the configuration is wrong:\n  PORT: is not set\n  MODEL: no such file\n",
  });
});

test("so is one that the life cycle reads itself", async (t) => {
  const service = startService(t, `say("never");`, {
    LOG_LEVEL: "loud",
    FAST_PATHS: "slow",
  });
  const { code, stderr } = await service.end();
  assert.equal(code, 78);
  assert.match(stderr, /^ {2}LOG_LEVEL: /m);
  assert.match(stderr, /^ {2}FAST_PATHS: /m);
  assert.deepEqual(service.seen, []);
});
