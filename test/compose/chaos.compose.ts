/** The chaos harness on containers: `docker kill`, `restart` and `pause` of all of them under a mixed load. */
import assert from "node:assert/strict";
import { test } from "vitest";
import { check } from "../chaos/check.ts";
import { gather } from "../chaos/evidence.ts";
import { makeJournal } from "../chaos/journal.ts";
import { makeLoad } from "../chaos/load.ts";
import { makeRandom, testSeed } from "@jetscribe/testing";
import { makeLogReader } from "../chaos/readLog.ts";
import { settle } from "../chaos/settle.ts";
import { strike } from "../chaos/strike.ts";
import { watchQueues } from "../chaos/watchQueues.ts";
import { startDockerFleet } from "./dockerFleet.ts";

const seconds = Number(process.env["CHAOS_SECONDS"] ?? 40);
const seed = testSeed();

test("no promise is broken while containers are killed, restarted and paused", async (t) => {
  const { fleet, faults, remove } = await startDockerFleet();
  t.onTestFinished(remove);
  const random = makeRandom(seed);
  const journal = makeJournal((line) => void t.annotate(line));
  const log = makeLogReader(fleet);
  await using watch = watchQueues(fleet, log);
  const load = makeLoad(fleet, random.fork(1), {
    perSecond: 6,
    onTask: () => {}, // the harness kills no engine inside a container
  });
  const forMs = seconds * 1_000;
  await Promise.all([
    load.run(forMs),
    strike(faults, random.fork(2), journal, { forMs, pauseMs: 1_500 }),
  ]);
  await fleet.healthy(120_000);
  const waits = await settle(fleet, log, 120_000);
  assert.equal(waits, undefined, `seed ${seed}: it still waits for ${waits}`);
  const { told } = load;
  const { sightings } = watch;
  const evidence = await gather(
    fleet,
    { told, journal: journal.entries, sightings },
    log,
  );
  void t.annotate(`seed ${seed}: ${told.length} calls, ${journal.entries.length} faults`); // prettier-ignore
  assert.ok(told.length > seconds && journal.entries.length > 3);
  assert.deepEqual(check(evidence), []);
});
