/** Tasks finish out of order, one waits, and the broker is restarted: nothing runs twice. */
import { eventually, natsVersions } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { test } from "vitest";
import { check } from "./check.ts";
import { call } from "./client.ts";
import { gather } from "./evidence.ts";
import { startFleet, type Fleet } from "./fleet.ts";
import type { Told } from "./told.ts";
import { makeJournal } from "./journal.ts";
import { makeLogReader, type LoggedEvent } from "./readLog.ts";
import { settle } from "./settle.ts";
import { tasksOf } from "./tasks.ts";

/**
 * For 16 slots, at 20 ms per token: each fourth runs for 3 s, so that later ones end before it. After the last restart
 * most of them wait still: also a slow look at the log finds one.
 */
const tokens = Array.from({ length: 160 }, (_, i) =>
  i % 4 === 0 ? 150 : 10 + (i % 30),
);
/** The broker ends when so many tasks have ended. */
const restartsAt = [12, 24, 36];
/** However slow the machine is, no lease ends while the broker is away. */
const env = { ACK_WAIT: "15s" };
const faults = { SIGTERM: "stop-nats", SIGKILL: "kill-nats" };
const sizes = { gateway: 1, inference: 2, results: 1, logger: 1 };

async function post(fleet: Fleet, number: number): Promise<Told> {
  const prompt = `chaos ${number} `;
  const body = { prompt, max_tokens: tokens[number] };
  const answer = await call(fleet, "POST", "/generate", body);
  assert.equal(answer.status, 202, JSON.stringify(answer));
  const taskId = String(answer.body["task_id"]);
  return {
    kind: "long",
    number,
    body,
    answer,
    taskId,
    cancels: [],
    results: [],
  };
}

/** So many have ended, not all before them have, and another one waits. */
function hasEnded(count: number, log: readonly LoggedEvent[]): boolean {
  const tasks = [...tasksOf(log).values()];
  const ended = tasks.map(({ outcomes }) => outcomes.length > 0);
  return (
    ended.filter((one) => one).length >= count &&
    ended.lastIndexOf(true) > ended.indexOf(false) &&
    tasks.some(({ starts }) => starts.length === 0)
  );
}

for (const natsVersion of await natsVersions())
  for (const signal of ["SIGTERM", "SIGKILL"] as const)
    test(
      `a broker (${natsVersion}) that ends by ${signal} while a task waits brings nothing to run twice`,
      { timeout: 240_000 },
      async () => {
        const fleet = await startFleet({ natsVersion, sizes, env });
        try {
          await fleet.healthy(60_000);
          const told: Told[] = [];
          const journal = makeJournal(() => undefined);
          for (const number of tokens.keys())
            told.push(await post(fleet, number));
          const log = makeLogReader(fleet);
          for (const ended of restartsAt) {
            await eventually(async () => hasEnded(ended, await log.read()));
            const over = journal.begin(faults[signal], "nats");
            await fleet.nats.kill(signal);
            await fleet.nats.restart();
            over();
          }
          await fleet.healthy(60_000);
          assert.equal(await settle(fleet, log, 60_000), undefined);

          const seen = { told, journal: journal.entries, sightings: [] };
          const evidence = await gather(fleet, seen, log);
          const violations = check(evidence);
          const said = [fleet.output(), ...violations].join("\n");
          assert.deepEqual(violations, [], said);
          // No restart excuses a second start.
          for (const { starts, id } of tasksOf(evidence.log).values())
            assert.equal(starts.length, 1, id);
        } finally {
          await fleet.stop();
        }
      },
    );
