import { makeKnown, shutOut } from "@jetscribe/event-log/subscribers/standing";
import { ensureTopology } from "@jetscribe/event-log/streams/topology";
import { settings } from "@jetscribe/event-log/test/eventLogTestKit";
import { readSubscribers, subscribersLockOf } from "@jetscribe/runtime/ownAccounts"; // prettier-ignore
import { eventually, natsVersions } from "@jetscribe/testing";
import assert from "node:assert/strict";
import {
  copyFileSync,
  existsSync,
  readFileSync,
  renameSync,
  statSync,
  watch,
} from "node:fs";
import { join } from "node:path";
import { describe, test } from "vitest";
import { tryLock } from "../../../../scripts/install/lock.mjs";
import { openOwnBroker, type OwnBroker } from "../../test/ownBrokerTestKit.ts";
import type { Added, Listed, Removed } from "../show/subscribers.ts";

type Ran = Awaited<ReturnType<OwnBroker["run"]>>;

function outputOf({ code, stdout, stderr }: Ran): string {
  assert.deepEqual([code, stderr], [0, ""]);
  return stdout;
}

const json = <T>(ran: Ran): T => JSON.parse(outputOf(ran)) as T;

/** Resolves once a file of the folder is touched whose name begins so. */
async function firstTryOf(dir: string, begin: string): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  using watching = new DisposableStack();
  const watcher = watch(dir, (_, name) => {
    if (name?.startsWith(begin)) resolve();
  });
  watching.defer(() => watcher.close());
  await promise;
}

/** What the broker says of it at this moment; asked again where the broker says nothing. */
const standingOf = ({ nats: { url } }: OwnBroker, seedFile: string) => {
  const guest = { url, seed: readFileSync(seedFile, "utf8") };
  const ask = (how: typeof shutOut) =>
    how(guest, () => Promise.resolve(), AbortSignal.abort());
  return eventually(async () => {
    const asked = [ask(shutOut), ask(makeKnown)];
    const [refused, letIn] = await Promise.allSettled(asked);
    if (refused?.status === "fulfilled") return "refused";
    return letIn?.status === "fulfilled" && "let in";
  });
};

for (const version of await natsVersions())
  describe(`jetscribe subscribers, the ${version} nats-server`, () => {
    test("a subscriber that was added is let in, and listed until it is removed", async () => {
      await using own = await openOwnBroker(version);
      const { run, dataDir } = own;
      const subscribers = (...args: string[]) => run("subscribers", ...args);
      const filter = ["--owner", "Team A", "--model", "demo", "--types", "failed"]; // prettier-ignore
      const add = ["add", "alarms", ...filter, "--no-text", "--api", "--json"];
      const added = json<Added>(await subscribers(...add));
      const seedFile = join(dataDir, "credentials/subscribers/alarms.nk");
      assert.deepEqual(added, {
        ...{ name: "alarms", account: "SUB-alarms", nkey_file: seedFile },
        public_key: added.public_key,
        ...{ nats_url: own.nats.url, stream: "EVENTS", durable: "sub=alarms" },
        api_prefix: "JETSCRIBE.API",
        feed: ["llm.stored.failed.demo.*.team-a"],
        filters: ["llm.events.failed.demo.*.team-a"],
        ...{ text: false, from: null },
        api: ["generate", "result", "cancel"].map((call) => `llm.api.team-a.${call}`), // prettier-ignore
      });
      assert.equal(statSync(seedFile).mode & 0o777, 0o600);
      const seed = readFileSync(seedFile, "utf8").trim();
      assert.match(seed, /^SU[A-Z2-7]{56}$/);
      assert.ok(!JSON.stringify(added).includes(seed));

      const twice = await subscribers("add", "alarms");
      assert.deepEqual([twice.code, twice.stdout], [1, ""]);
      assert.match(twice.stderr, /there is a subscriber alarms already/);
      const [listed] = outputOf(await subscribers("list", "--json")).split(
        "\n",
      );
      assert.deepEqual(JSON.parse(listed ?? "") as Listed, {
        ...{ name: "alarms", durable: true, account: true },
        filters: added.filters,
        ...{ text: false, pending: 0, in_hand: 0, missed: null },
        connected: false,
      });

      outputOf(await subscribers("add", "whole"));
      const table = outputOf(await subscribers("list"));
      assert.match(table, /^whole +0 +0 +0 +away +yes +llm\.events\.>$/m);
      outputOf(await subscribers("remove", "whole"));

      const removed = json<Removed>(await subscribers("remove", "alarms", "--json")); // prettier-ignore
      assert.deepEqual(removed, {
        ...{ name: "alarms", account: "SUB-alarms", shut_out: true },
      });
      assert.ok(!existsSync(seedFile));
      assert.equal(outputOf(await subscribers("list")), "there are no subscribers\n"); // prettier-ignore
      const gone = await subscribers("remove", "alarms");
      assert.deepEqual([gone.code, gone.stdout], [1, ""]);
      assert.match(gone.stderr, /there is no subscriber alarms/);
    });

    test("those that are added while another command changes the list wait for it, and all are listed", async () => {
      await using own = await openOwnBroker(version);
      const list = () => readSubscribers(own.dataDir).map(({ name }) => name);
      const lock = tryLock(subscribersLockOf(own.dataDir));
      assert.ok("release" in lock);
      const waits = firstTryOf(own.dataDir, "subscribers.lock.");
      const adding = ["s1", "s1", "s2"].map((name) =>
        own.run("subscribers", "add", name),
      );
      await Promise.race([waits, ...adding]);
      assert.deepEqual(list(), []);
      lock.release();
      const [one, two, other] = await Promise.all(adding);
      assert.ok(one && two && other);
      assert.deepEqual([one.code, two.code].sort(), [0, 1]);
      assert.match(one.stderr + two.stderr, /there is a subscriber s1 already/);
      outputOf(other);
      assert.deepEqual(list().sort(), ["s1", "s2"]);
      const seedFile = join(own.dataDir, "credentials/subscribers/s1.nk");
      assert.equal(await standingOf(own, seedFile), "let in");
    });

    test("whose seed was moved away is out before its removal is told", async () => {
      await using own = await openOwnBroker(version, { looksEveryMs: 500 });
      const added = json<Added>(await own.run("subscribers", "add", "alarms", "--json")); // prettier-ignore
      const seedFile = join(own.dataDir, "moved.nk");
      renameSync(added.nkey_file, seedFile);
      assert.equal(await standingOf(own, seedFile), "let in");
      const removed = outputOf(await own.run("subscribers", "remove", "alarms")); // prettier-ignore
      assert.match(removed, /^alarms is shut out/);
      assert.equal(await standingOf(own, seedFile), "refused");
    });

    test("is shut out also where JetStream has nothing to say of it, and the consumer goes later", async () => {
      await using own = await openOwnBroker(version);
      const { streams } = own.broker;
      const added = json<Added>(await own.run("subscribers", "add", "alarms", "--json")); // prettier-ignore
      const seedFile = join(own.dataDir, "copy.nk");
      copyFileSync(added.nkey_file, seedFile);
      await own.broker.jsm.streams.delete(streams.events);
      const { code, stdout, stderr } = await own.run("subscribers", "remove", "alarms"); // prettier-ignore
      assert.deepEqual([code, stdout], [1, ""]);
      assert.match(stderr, /alarms is shut out, but its consumer is not removed; .*: the broker has no log/); // prettier-ignore
      assert.equal(await standingOf(own, seedFile), "refused");
      assert.ok(!existsSync(added.nkey_file));
      await ensureTopology(own.broker, settings);
      await own.broker.jsm.consumers.add(streams.events, {
        durable_name: "sub=alarms",
      });
      const again = await own.run("subscribers", "remove", "alarms");
      assert.match(outputOf(again), /its consumer is removed/);
    });

    test("on a broker that somebody else configures, add prints what to put there", async () => {
      await using own = await openOwnBroker(version);
      const { runElsewhere, dataDir } = own;
      const add = await runElsewhere("subscribers", "add", "alarms");
      const printed = outputOf(add);
      const seedFile = join(dataDir, "alarms.nk");
      assert.equal(statSync(seedFile).mode & 0o777, 0o600);
      for (const line of [
        `NATS_NKEY_FILE=${seedFile}`,
        '{ stream: "llm.stored.>", accounts: [SUB-alarms] }',
        "SUB-alarms {",
      ])
        assert.ok(printed.includes(line), line);
      const [listed] = outputOf(await runElsewhere("subscribers", "list", "--json")).split("\n"); // prettier-ignore
      assert.equal((JSON.parse(listed ?? "") as Listed).account, null);
      const removed = await runElsewhere("subscribers", "remove", "alarms");
      assert.match(outputOf(removed), /Take SUB-alarms out of the configuration/); // prettier-ignore
    });

    test("what can't be meant is wrong use, and leaves nothing behind", async () => {
      await using own = await openOwnBroker(version);
      for (const args of [
        ...[["add", "A.b"], ["add", "../a"], ["remove", "*"], ["add"]],
        ...[
          ["--types", "x"],
          ["--from", "yesterday"],
          ["--owner", ""],
          ["--api"],
        ].map((more) => ["add", "a", ...more]),
      ]) {
        const { code, stdout } = await own.run("subscribers", ...args);
        assert.deepEqual([code, stdout], [64, ""], args.join(" "));
      }
      const folder = join(own.dataDir, "credentials/subscribers");
      if (own.nats.version.startsWith("2.9.")) {
        const two = await own.run("subscribers", "add", "a", "--types", "failed,cancelled"); // prettier-ignore
        assert.deepEqual([two.code, two.stdout], [1, ""]);
        assert.match(two.stderr, /has one filter for a consumer/);
        assert.ok(!existsSync(join(folder, "a.nk")));
      } else assert.ok(!existsSync(folder));
    });
  });
