import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "vitest";
import { stackServices, startStack, type Stack } from "./stack.ts";

const isAlive = (pid: number) => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

/** No seed of a user is where other users of the machine, or readers of logs, see it. */
async function assertSecret(stack: Stack): Promise<void> {
  const dir = join(stack.dataDir, "credentials");
  const seeds = await Promise.all(
    (await readdir(dir)).map((file) => readFile(join(dir, file), "utf8")),
  );
  assert.ok(seeds.length > 4);
  const seen = [stack.nats.output()];
  for (const service of stackServices) {
    seen.push(stack.output(service));
    if (process.platform !== "linux") continue;
    for (const of of ["cmdline", "environ"])
      seen.push(await readFile(`/proc/${stack.pid(service)}/${of}`, "utf8"));
  }
  for (const seed of seeds)
    assert.ok(seen.every((text) => !text.includes(seed.trim())));
}

test("a stack is healthy, loses a service, gets it back, and leaves nothing behind", async () => {
  const stack = await startStack({ env: { ENGINE: "fake" } });
  const pids: number[] = [];
  const note = (pid: number | undefined) => {
    assert.ok(pid);
    pids.push(pid);
    return pid;
  };
  try {
    note(stack.nats.pid);
    await assertSecret(stack);
    note(stack.redis.pid);
    for (const service of ["inference", "results", "logger"] as const)
      note(stack.pid(service));
    const before = note(stack.pid("gateway"));
    await stack.kill("gateway");
    assert.equal(stack.pid("gateway"), undefined);
    await assert.rejects(fetch(`${stack.url}/health`));
    await stack.restart("gateway");
    await stack.healthy();
    assert.notEqual(note(stack.pid("gateway")), before);
  } finally {
    await stack.stop();
  }
  assert.deepEqual(pids.filter(isAlive), []);
  assert.equal(existsSync(stack.dataDir), false);
});

test("a stack can have some of the services only", async () => {
  await using stack = await startStack({ services: ["results"] });
  assert.ok(stack.pid("results"));
  assert.throws(() => stack.pid("gateway"), /not part of this stack/);
});

test("a stack that does not become healthy fails with what its services said", async () => {
  const env = { ENGINE: "fake", PORT: "not-a-port" };
  await assert.rejects(
    startStack({ env, healthyWithinMs: 300 }),
    /not healthy:[^]*--- gateway/,
  );
});
