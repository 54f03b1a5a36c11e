/** Tasks finish out of order, one waits, and the broker is restarted: nothing runs twice. */
import { eventually, natsVersions } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { test } from "node:test";
import { check } from "./check.ts";
import { call } from "./client.ts";
import { gather } from "./evidence.ts";
import { startFleet, type Fleet } from "./fleet.ts";
import type { Told } from "./load.ts";
import { makeLogReader } from "./readLog.ts";
import { settle } from "./settle.ts";
import { tasksOf } from "./tasks.ts";

/** The engine's 16 slots are full, 20 ms per token: the last of them runs for 5 s, and four tasks wait. */
const tokens = [
  ...Array.from({ length: 16 }, (_, i) => (i % 4 === 0 ? 250 : 20 + i)),
  ...[10, 10, 10, 10],
];
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

for (const natsVersion of await natsVersions())
  for (const signal of ["SIGTERM", "SIGKILL"] as const)
    test(`a broker (${natsVersion}) that ends by ${signal} while a task waits brings nothing to run twice`, async () => {
      const fleet = await startFleet({ natsVersion, sizes });
      try {
        await fleet.healthy(60_000);
        const told: Told[] = [];
        for (const number of tokens.keys())
          told.push(await post(fleet, number));
        const log = makeLogReader(fleet);
        // Out of order: later ones have ended, and earlier ones have not.
        await eventually(async () => {
          const tasks = tasksOf(await log.read());
          const ended = told.map(
            ({ taskId }) => tasks.get(taskId ?? "")?.outcomes.length === 1,
          );
          return ended.lastIndexOf(true) > ended.indexOf(false);
        });
        await fleet.nats.kill(signal);
        await fleet.nats.restart();
        await fleet.healthy(60_000);
        assert.equal(await settle(fleet, log, 60_000), undefined);

        // Without a journal nothing is excused: each task has one start.
        const seen = { told, journal: [], sightings: [] };
        const evidence = await gather(fleet, seen, log);
        assert.deepEqual(check(evidence), [], fleet.output());
        for (const { starts, id } of tasksOf(evidence.log).values())
          assert.equal(starts.length, 1, id);
      } finally {
        await fleet.stop();
      }
    });
