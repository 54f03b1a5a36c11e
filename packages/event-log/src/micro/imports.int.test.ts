/** Calls of other accounts come through an import: whose they are, and where answers go, is not the caller's to say. */
import { makeTestAccounts, natsVersions, withNats } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "vitest";
import { connectBroker, type Broker } from "../broker/connection.ts";
import { eventSubject } from "@jetscribe/schema";
import { settings } from "../../test/eventLogTestKit.ts";
import { ensureTopology } from "../streams/topology.ts";
import { serveMicro, type MicroCall } from "./microService.ts";

async function withFolder(fn: (dir: string) => Promise<void>): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), "jetscribe-imports-"));
  await fn(dir).finally(() => rm(dir, { recursive: true }));
}

const inLog = eventSubject("GenerateRequested", {
  ...{ model: "demo", lane: "interactive", owner: "ann" },
});

const versions = await natsVersions();
describe.each(versions)("a call by import on the %s nats-server", (version) => {
  /** `seen`: the subjects of the calls that came. */
  const withCallers = (
    fn: (ann: Broker, services: Broker, seen: string[]) => Promise<void>,
  ) =>
    withFolder(async (dir) => {
      const accounts = await makeTestAccounts(dir, { callers: ["ann", "bob"] });
      await withNats(
        async ({ url }) => {
          await using services = await connectBroker({
            ...{ url: accounts.forTest(url), name: "services" },
          });
          const seed = await readFile(accounts.fileOfCaller("ann"));
          const read = () => Buffer.from(seed.toString().trim());
          await using ann = await connectBroker({
            ...{ url, name: "ann" },
            credentials: { role: "operator", kind: "nkey", read },
          });
          await ensureTopology(services, settings);
          const seen: string[] = [];
          const handle = ({ subject }: MicroCall) => {
            seen.push(subject);
            return Promise.resolve({ headers: {}, body: subject });
          };
          const subject = services.subjects.api("generate", "*");
          const endpoint = {
            name: "generate",
            subject,
            description: "",
            handle,
          };
          await using _serving = serveMicro(services, {
            ...{ name: "api", version: "1.0.0", description: "", metadata: {} },
            endpoints: [endpoint],
          });
          await services.nc.flush();
          await fn(ann, services, seen);
        },
        { version, config: [accounts.config] },
      );
    });
  const call = (broker: Broker, owner: string) =>
    broker.nc.request(broker.subjects.api("generate", owner), "{}", {
      timeout: 30_000,
    });

  test("is answered, and has no other owner than its account's", () =>
    withCallers(async (ann, _services, seen) => {
      const own = ann.subjects.api("generate", "ann");
      assert.equal((await call(ann, "ann")).string(), own);
      await assert.rejects(call(ann, "bob"), /no responders/);
      assert.deepEqual(seen, [own]);
    }));

  test("has a reply subject of the broker's, so that no answer gets into the log", () =>
    withCallers(async (ann, services) => {
      const replies: (string | undefined)[] = [];
      const { promise: both, resolve } = Promise.withResolvers<void>();
      services.nc.subscribe("llm.api.ann.generate", {
        callback: (_error, { reply }) => {
          replies.push(reply);
          if (replies.length === 2) resolve();
        },
      });
      await services.nc.flush();
      const told = ann.nc.subscribe(inLog, { max: 1 });
      for (const reply of [inLog, "$JS.API.STREAM.PURGE.EVENTS"])
        ann.nc.publish("llm.api.ann.generate", "{}", { reply });
      await both;
      for (const reply of replies) assert.match(reply ?? "", /^_R_\./);
      // The answer comes, in the caller's own account.
      assert.equal((await Array.fromAsync(told)).length, 1);
      const { state } = await services.jsm.streams.info("EVENTS");
      assert.equal(state.last_seq, 0);
    }));

  test("of a user of the services' account is passed over where its answer would get into the log", () =>
    withCallers(async (_ann, services, seen) => {
      services.nc.publish("llm.api.ann.generate", "{}", { reply: inLog });
      const own = services.subjects.api("generate", "ann");
      assert.equal((await call(services, "ann")).string(), own);
      assert.deepEqual(seen, [own]);
      const { state } = await services.jsm.streams.info("EVENTS");
      assert.equal(state.last_seq, 0);
    }));
});
