/** What examples/subscribe/sqlite.ts does where the log has changed since its checkpoint. */
import { openLog, settings } from "@jetscribe/event-log/test/eventLogTestKit";
import { ensureTopology } from "@jetscribe/event-log/streams/topology";
import { streams } from "@jetscribe/schema";
import { eventually } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "vitest";
import { makePrograms, node } from "./programs.ts";

/** A log of the test's own, and the program with a new database. */
async function openReader() {
  await using opened = new AsyncDisposableStack();
  const log = opened.use(await openLog());
  const folder = await mkdtemp(join(tmpdir(), "jetscribe-checkpoint-"));
  opened.defer(() => rm(folder, { recursive: true }));
  const file = join(folder, "tasks.db");
  const program = node("examples/subscribe/sqlite.ts", file);
  const { run, runWhile } = makePrograms(() => ({ NATS_URL: log.nats.url }));
  const { streams: api } = log.broker.jsm;
  const all = opened.move();
  return {
    request: log.request,
    trimBefore: (seq: number) => api.purge(streams.events, { seq }),
    /** As after a crash of the broker's machine that cost it all events. */
    async loseAll(): Promise<void> {
      await api.delete(streams.events);
      await ensureTopology(log.broker, settings);
    },
    removeDatabase: () => rm(file),
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
    /** It ends at its start, and tells why and what to do. */
    refuses: (why: string) =>
      assert.rejects(run(...program), {
        ...{ code: 1, stdout: "" },
        stderr: `${why}: delete ${file}, and run this again\n`,
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

test("a database that has missed trimmed events ends with code 1", async () => {
  await using reader = await openReader();
  await reader.request(3);
  await reader.reads(1, 3);
  await reader.request(3);
  await reader.trimBefore(6);
  await reader.refuses("events 4 to 5 are no longer in the log");
});

test("a database of events that the log has lost ends with code 1, also where new events have their sequences", async () => {
  await using reader = await openReader();
  await reader.request(5);
  await reader.reads(1, 5);
  await reader.loseAll();
  const lost = "event 5 of the log is not the one that was read";
  await reader.request(4);
  await reader.refuses(lost);
  await reader.request(2);
  await reader.refuses(lost);
  await reader.removeDatabase();
  await reader.reads(1, 6);
});
