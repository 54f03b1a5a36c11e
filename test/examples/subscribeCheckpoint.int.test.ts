/** What examples/subscribe/sqlite.ts does where the log has changed since its checkpoint. */
import {
  requestedBy,
  settings,
} from "@jetscribe/event-log/test/eventLogTestKit";
import {
  ofA,
  openAccounts,
  take,
} from "@jetscribe/event-log/test/subscribersTestKit";
import { ensureTopology } from "@jetscribe/event-log/streams/topology";
import { streams } from "@jetscribe/schema";
import { eventually } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "vitest";
import { makePrograms, node } from "./programs.ts";

/** A log of the test's own, and the program of a subscriber with a new database. */
async function openReader() {
  await using opened = new AsyncDisposableStack();
  const accounts = opened.use(await openAccounts({}, { name: "tasks" }));
  const { appender, broker, nats } = accounts;
  const folder = await mkdtemp(join(tmpdir(), "jetscribe-checkpoint-"));
  opened.defer(() => rm(folder, { recursive: true }));
  const [file, seedFile] = [join(folder, "tasks.db"), join(folder, "seed")];
  await writeFile(seedFile, `${accounts.seedOf("tasks")}\n`);
  const program = node("examples/subscribe/sqlite.ts", "tasks", file);
  const { run, runWhile } = makePrograms(() => ({
    ...{ NATS_URL: nats.url, NATS_NKEY_FILE: seedFile },
  }));
  const { streams: api } = broker.jsm;
  const all = opened.move();
  return {
    async request(count: number): Promise<void> {
      for (let i = 0; i < count; i++)
        await appender.append(requestedBy(ofA), ofA);
    },
    /** The next event goes to a program that is killed before it has read it, and comes again after `ackWaitMs`. */
    async loseDelivery(ackWaitMs: number): Promise<void> {
      const ack_wait = ackWaitMs * 1e6;
      const { consumers } = broker.jsm;
      await consumers.update(streams.events, "sub=tasks", { ack_wait });
      const killed = await accounts.as("tasks");
      assert.ok(await take(killed, "tasks"));
      await killed.close();
    },
    /** As where no acknowledgement has reached the broker. */
    repeatAll: () => accounts.remake("tasks"),
    trimBefore: (seq: number) => api.purge(streams.events, { seq }),
    /** As after a crash of the broker's machine that cost it all events. */
    async loseAll(): Promise<void> {
      await api.delete(streams.events);
      await ensureTopology(broker, settings);
      await accounts.remake("tasks");
    },
    /** The database is deleted, and the subscriber is added anew. */
    async beginAnew(): Promise<void> {
      await rm(file);
      await accounts.remake("tasks");
    },
    /** Runs it until it has read the event `last`: it reads from `first` on. */
    reads: (first: number, last: number) =>
      runWhile(program, "listening\n", async (printed) => {
        await eventually(() => printed().includes(`\n${last} `));
        const lines = printed().trimEnd().split("\n").slice(1);
        assert.deepEqual(
          lines.map((line) => Number(line.split(" ")[0])),
          Array.from({ length: last - first + 1 }, (_, i) => first + i),
        );
      }),
    /** It ends before it reads anything, and tells why and what to do. */
    refuses: (why: string) =>
      assert.rejects(run(...program), {
        ...{ code: 1, stdout: "listening\n" },
        stderr: `${why}: delete ${file}, and add the subscriber anew\n`,
      }),
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

test("a new database begins with the first event of a trimmed log", async () => {
  await using reader = await openReader();
  await reader.request(5);
  await reader.trimBefore(4);
  await reader.reads(4, 5);
});

test("a database goes on where the log was trimmed up to its checkpoint", async () => {
  await using reader = await openReader();
  await reader.request(3);
  await reader.reads(1, 3);
  await reader.trimBefore(4);
  await reader.request(1);
  await reader.reads(4, 4);
});

test("events that come again are passed over", async () => {
  await using reader = await openReader();
  await reader.request(3);
  await reader.reads(1, 3);
  await reader.repeatAll();
  await reader.request(1);
  await reader.reads(4, 4);
});

test("an event that went to a program that was killed is waited for, and read before the next one", async () => {
  await using reader = await openReader();
  await reader.request(2);
  await reader.reads(1, 2);
  await reader.request(3);
  await reader.loseDelivery(5_000);
  await reader.reads(3, 5);
});

test("so is the first event of a new database", async () => {
  await using reader = await openReader();
  await reader.request(2);
  await reader.loseDelivery(5_000);
  await reader.reads(1, 2);
});

test("a database that has missed trimmed events ends with code 1", async () => {
  await using reader = await openReader();
  await reader.request(3);
  await reader.reads(1, 3);
  await reader.request(3);
  await reader.trimBefore(6);
  await reader.refuses("events 4 to 5 are no longer in the log");
});

test("a database of events that the log has lost ends with code 1", async () => {
  await using reader = await openReader();
  await reader.request(5);
  await reader.reads(1, 5);
  await reader.loseAll();
  await reader.request(6);
  await reader.refuses("event 1 of the log is not the one that was read");
  await reader.beginAnew();
  await reader.reads(1, 6);
});

test("a database ends with code 1 where the log lost its end, and stored another event in the place of the last one", async () => {
  await using reader = await openReader();
  await reader.request(1);
  await reader.reads(1, 1);
  await reader.loseAll();
  await reader.request(1);
  await reader.refuses("event 1 of the log is not the one that was read");
});
