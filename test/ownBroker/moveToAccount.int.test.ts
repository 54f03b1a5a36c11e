/** The data of a private nats-server from before there were accounts: nothing of it changes but the account. */
import { makeAppender } from "@jetscribe/event-log/append/append";
import { requestedBy } from "@jetscribe/event-log/test/eventLogTestKit";
import { natsVersions } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "vitest";
import { root } from "../../scripts/install/project.mjs";
import { moveToAccount } from "../../scripts/system/moveToAccount.ts";
import { prepareOwnBroker } from "../../scripts/system/ownBroker.ts";
import {
  ada,
  bob,
  countsOf,
  everythingOf,
  fill,
  newFolder,
  next,
  requestOf,
  requestsEach,
  withBroker,
} from "./filledBroker.ts";

for (const version of await natsVersions())
  test(`streams and consumers are the same in the account (${version})`, async () => {
    const dataDir = newFolder();
    const server = { dataDir, version };
    const before = await withBroker(server, async (broker) => {
      await fill(broker);
      return await everythingOf(broker);
    });
    assert.equal(before.messages.length, 2 * requestsEach + 7);
    assert.deepEqual(before.consumers.map(countsOf), [
      { pending: 2, ackPending: 2, redelivered: 1 },
      { pending: requestsEach, ackPending: 0, redelivered: 0 },
    ]);

    prepareOwnBroker(dataDir, undefined);
    assert.deepEqual(readdirSync(join(dataDir, "nats/jetstream")), [
      "JETSCRIBE",
    ]);
    await withBroker({ ...server, role: "operator" }, async (broker) => {
      assert.deepEqual(await everythingOf(broker), before);
      // What is not acknowledged comes again, what is does not, and the log goes on.
      const left = [await next(broker, ada), await next(broker, ada)];
      assert.deepEqual(left.map(requestOf), ["prompt 4", "prompt 5"]);
    });
    await withBroker({ ...server, role: "gateway" }, async (broker) => {
      using appender = makeAppender(broker, "gateway");
      const { seq } = await appender.append(requestedBy(bob), bob);
      assert.equal(seq, 2 * requestsEach + 1);
    });
  });

const movers: Record<string, (natsDir: string) => void> = {
  "npm start": moveToAccount,
  "the container": (natsDir) =>
    execFileSync(
      "sh",
      [
        join(root, "deploy/nats/move-to-account.sh"),
        join(natsDir, "jetstream"),
      ],
      { stdio: "ignore" },
    ),
};
for (const [name, move] of Object.entries(movers))
  test(`${name} moves what is there, once, and never one log over another`, () => {
    const natsDir = join(newFolder(), "nats");
    const streams = (account: string) =>
      join(natsDir, "jetstream", account, "streams");
    move(natsDir); // a first start
    assert.equal(existsSync(natsDir), false);
    mkdirSync(join(streams("$G"), "EVENTS"), { recursive: true });
    // A server that was started with accounts before the move has made the folder.
    mkdirSync(streams("JETSCRIBE"), { recursive: true });
    move(natsDir);
    move(natsDir);
    assert.deepEqual(readdirSync(streams("JETSCRIBE")), ["EVENTS"]);
    assert.equal(existsSync(streams("$G")), false);

    mkdirSync(join(streams("$G"), "TOKENS"), { recursive: true });
    assert.throws(() => move(natsDir));
    assert.deepEqual(readdirSync(streams("JETSCRIBE")), ["EVENTS"]);
    assert.deepEqual(readdirSync(streams("$G")), ["TOKENS"]);
  });
