/** Every connection to the broker and to Redis is cut fifty times in a row, under load: nothing is stuck, nothing grows. */
import { eventually, freePort, makeRandom } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { appendFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "vitest";
import { check } from "../chaos/check.ts";
import { call } from "../chaos/client.ts";
import { gather } from "../chaos/evidence.ts";
import { startFleet, type Fleet } from "../chaos/fleet.ts";
import { makeJournal, type Journal } from "../chaos/journal.ts";
import { makeLoad, type Load } from "../chaos/load.ts";
import { makeLogReader } from "../chaos/readLog.ts";
import { settle } from "../chaos/settle.ts";
import { redisCommands } from "../chaos/wire/redis.ts";

const seed = 50;
const cuts = 50;
const sizes = { gateway: 2, inference: 2, results: 2, logger: 2 };
/** A worker that hears no wake-ups gets its work by a sweep, every 5 s. */
const sweepMs = 5_000;

interface Connection {
  cid: number;
  name?: string;
  subscriptions: number;
}

/** The services' connections as the broker sees them. */
async function connections(monitorPort: number): Promise<Connection[]> {
  const response = await fetch(`http://127.0.0.1:${monitorPort}/connz`);
  const { connections } = (await response.json()) as {
    connections: Connection[];
  };
  return connections.filter(({ name }) => name !== undefined);
}

interface Held {
  what: string;
  count: number;
}

/** How many subscriptions each process has on the broker, and the connections to Redis. */
async function heldOn(fleet: Fleet, monitorPort: number): Promise<Held[]> {
  const [clients] = await redisCommands(fleet.redis.port, [["CLIENT", "LIST"]]);
  const names = [...String(clients).matchAll(/ name=(\S+) /g)];
  const onBroker = await connections(monitorPort);
  const held = [
    ...onBroker.map(({ name, subscriptions: count }) => {
      return { what: `nats ${name}`, count };
    }),
    ...names.map(([, name]) => ({ what: `redis ${name}`, count: 1 })),
  ];
  return held.toSorted((a, b) =>
    a.what === b.what ? a.count - b.count : a.what < b.what ? -1 : 1,
  );
}

/** The broker restarts with a page that tells of its connections. */
async function monitor({ nats }: Fleet): Promise<number> {
  const port = await freePort();
  await appendFile(join(nats.dataDir, "nats.conf"), `http: "127.0.0.1:${port}"\n`); // prettier-ignore
  await nats.restart();
  return port;
}

/** Half of the cuts find everything connected, the others the middle of a reconnect. */
async function cutAll(fleet: Fleet, monitorPort: number): Promise<void> {
  const random = makeRandom(seed);
  const all = Object.values(sizes).reduce((sum, count) => sum + count, 0);
  const isWhole = async () => (await connections(monitorPort)).length === all;
  for (let i = 0; i < cuts; i++) {
    await sleep(random.int(0, 300));
    if (i % 2 === 0) await eventually(isWhole);
    fleet.proxies.nats.cut(() => true);
    fleet.proxies.redis.cut(() => true);
  }
}

/** ms until a task that is posted now is seen finished. */
async function once(fleet: Fleet, load: Load): Promise<number> {
  const begin = performance.now();
  await load.more(1);
  const path = `/result/${load.told.at(-1)?.taskId}?wait=10`;
  assert.equal((await call(fleet, "GET", path)).status, 200);
  return performance.now() - begin;
}

/** The load goes on while everything is cut; what the journal says of it excuses what became of the attempts. */
async function storm(
  fleet: Fleet,
  load: Load,
  monitorPort: number,
): Promise<Journal> {
  const journal = makeJournal(() => {});
  const ends = ["nats", "redis"].map((server) =>
    journal.begin(`cut-${server}`, `connections-${server}`),
  );
  const stop = new AbortController();
  const loading = load.run(Infinity, { signal: stop.signal });
  await cutAll(fleet, monitorPort);
  for (const end of ends) end();
  stop.abort();
  await loading;
  return journal;
}

test(
  `fifty disconnects of NATS and Redis in a row (seed ${seed}) leave nothing stuck`,
  { timeout: 400_000 },
  async () => {
    const fleet = await startFleet({ sizes });
    try {
      const monitorPort = await monitor(fleet);
      await fleet.healthy(60_000);
      const log = makeLogReader(fleet);
      const load = makeLoad(fleet, makeRandom(seed).fork(1), {
        perSecond: 6,
        onTask: () => {},
      });
      // The first tasks make what stays.
      await load.more(4);
      assert.equal(await settle(fleet, log, 60_000), undefined);
      // A standby that came later would be something that grew.
      await eventually(() =>
        fleet.members.every(({ said }) =>
          said.some(({ msg }) => msg === "started"),
        ),
      );
      const before = await heldOn(fleet, monitorPort);
      const oldest = await connections(monitorPort);

      const journal = await storm(fleet, load, monitorPort);
      await fleet.healthy(60_000);
      assert.equal(await settle(fleet, log, 60_000), undefined);

      const times: number[] = [];
      for (let i = 0; i < 5; i++) times.push(await once(fleet, load));
      assert.ok(Math.min(...times) < sweepMs / 2, `new tasks took ${times.join(", ")} ms`); // prettier-ignore

      const now = await connections(monitorPort);
      const last = Math.max(...oldest.map(({ cid }) => cid));
      assert.ok(now.every(({ cid }) => cid > last));

      const { told } = load;
      const seen = { told, journal: journal.entries, sightings: [] };
      const violations = check(await gather(fleet, seen, log));
      assert.deepEqual(violations, [], [fleet.output(), ...violations].join("\n")); // prettier-ignore
      assert.ok(told.length > cuts);

      // A worker reads on in the log for a minute after the last look-up there.
      const nothingGrew = async () => {
        const held = await heldOn(fleet, monitorPort);
        const grown = held.filter(({ what, count }, i) => {
          const was = before[i];
          return was?.what !== what || count > was.count;
        });
        assert.deepEqual(grown, []);
        return true;
      };
      await eventually(nothingGrew, { everyMs: 500 });
    } finally {
      await fleet.stop();
    }
  },
);
