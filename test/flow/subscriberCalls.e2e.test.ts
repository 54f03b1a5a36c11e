/** The credentials that `subscribers add --api` prints, on a system that `npm start` runs: what they are good for, and what not. */
import { connectBroker } from "@jetscribe/event-log/broker/connection";
import { brokerOf } from "@jetscribe/runtime";
import { streams, subjects } from "@jetscribe/schema";
import { eventually, freePort } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { once } from "node:events";
import { copyFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "vitest";
import { readRunning } from "../../scripts/system/dataDir.ts";
import { makePrograms, node } from "../examples/programs.ts";
import { npmStart } from "./npmStart.ts";

test("credentials of subscribers add --api submit as their owner and as no other, until they are removed", async (t) => {
  const dir = await mkdtemp(join(tmpdir(), "jetscribe-calls-"));
  t.onTestFinished(() => rm(dir, { recursive: true, maxRetries: 5 }));
  const port = await freePort();
  const env = {
    ...{ PORT: String(port), DATA_DIR: join(dir, "data") },
    ...{ LOG_DIR: join(dir, "logs"), ENGINE: "fake", FAKE_MS: "200" },
    ...{ API_KEYS: "ann:a-key-of-ann,bob:a-key-of-bob" },
    ...{ NATS_URL: "", REDIS_URL: "" },
  };
  const { child } = npmStart(env);
  t.onTestFinished(async () => {
    const gone = once(child, "exit");
    if (child.kill("SIGTERM")) await gone;
  });
  // Operators' programs find the system once it is told to run, which is later than its first answer.
  await eventually(() => {
    assert.equal(child.exitCode, null);
    return readRunning(env.DATA_DIR) !== undefined;
  });
  const operator = makePrograms(() => env);
  const subscribers = (...words: string[]) =>
    operator.run(
      ...node("scripts/system/runOperatorProgram.ts"),
      ...["packages/cli/src/main.ts", "NATS_URL", "subscribers", ...words],
    );

  const printed = await subscribers(
    ...["add", "billing", "--owner", "ann", "--types", "completed", "--api"],
  );
  const [, url = "", file = ""] =
    /export NATS_URL=(\S+) NATS_NKEY_FILE=(\S+)$/m.exec(printed) ?? [];
  const copy = join(dir, "copy.nk");
  copyFileSync(file, copy);
  const submitAs = (owner: string, NATS_NKEY_FILE = file) =>
    makePrograms(() => ({ NATS_URL: url, NATS_NKEY_FILE })).run(
      ...node("examples/nats_api.ts", owner, "hi"),
    );
  assert.match(await submitAs("ann"), /^accepted: [^]+\noutcome: completed\n$/);
  await assert.rejects(submitAs("bob"), /no responders/i);

  const login = { NATS_URL: url, NATS_NKEY_FILE: file };
  await using guest = await connectBroker({
    // An inbox of its own account may have any name.
    ...{ ...brokerOf(login, "operator"), name: "test", signal: t.signal },
  });
  const queue = { model: "demo", lane: "batch", owner: "ann" } as const;
  const forbidden = [
    ...[subjects.api("result", "bob"), subjects.api("cancel", "bob")],
    ...[subjects.event("completed", queue), subjects.tokens("x")],
    ...["$SRV.PING", subjects.list, subjects.keyEvent("revoked", "1")],
  ];
  for (const subject of forbidden)
    await assert.rejects(
      guest.nc.request(subject, "{}", { timeout: 60_000 }),
      /no responders/i,
    );
  const api = guest.jsm.streams;
  await assert.rejects(api.info(streams.events), /jetstream/i);
  await assert.rejects(api.purge(streams.events), /jetstream/i);

  assert.match(await subscribers("remove", "billing"), /^billing is shut out/);
  await eventually(() => !guest.connected);
  await assert.rejects(submitAs("ann", copy), /authorization violation/i);
});
