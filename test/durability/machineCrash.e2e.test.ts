/**
 * What the crash of a machine leaves behind, as far as one machine can show it: a server's folder is put back to a copy
 * from some seconds ago, while everything else stays as it is.
 */
import { eventually, natsVersions, type TestServer } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { cp, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { test } from "vitest";
import { check } from "../chaos/check.ts";
import { call } from "../chaos/client.ts";
import { gather } from "../chaos/evidence.ts";
import { startFleet, type Fleet } from "../chaos/fleet.ts";
import type { Told } from "../chaos/told.ts";
import { makeLogReader, type LoggedEvent } from "../chaos/readLog.ts";
import { settle } from "../chaos/settle.ts";
import { tasksOf } from "../chaos/tasks.ts";

const sizes = { gateway: 1, inference: 2, results: 1, logger: 1 };
/** However slow the machine is, no lease ends while a server is away. */
const env = { ACK_WAIT: "10s", TASK_TIMEOUT: "60s" };

/** Posts tasks of so many tokens, at 20 ms each; all are accepted. */
function makeCaller(fleet: Fleet) {
  const told: Told[] = [];
  let calls = 0;
  async function one(max_tokens: number): Promise<string> {
    const number = ++calls;
    const body = { prompt: `chaos ${number} `, max_tokens };
    const answer = await call(fleet, "POST", "/generate", body);
    assert.equal(answer.status, 202, JSON.stringify(answer));
    const taskId = String(answer.body["task_id"]);
    const seen = { cancels: [], results: [] };
    told.push({ kind: "long", number, body, answer, taskId, ...seen });
    return taskId;
  }
  const post = (count: number, tokens: number): Promise<string[]> =>
    Promise.all(Array.from({ length: count }, () => one(tokens)));
  return { told, post };
}

/** All of them have such an event in the log. */
async function untilLogged(
  fleet: Fleet,
  ids: readonly string[],
  kind: "starts" | "outcomes",
) {
  const log = makeLogReader(fleet);
  await eventually(async () => {
    const tasks = tasksOf(await log.read());
    return ids.every((id) => tasks.get(id)?.[kind].length);
  });
}

const untilEnded = (fleet: Fleet, ids: readonly string[]) =>
  untilLogged(fleet, ids, "outcomes");

const folderOf = ({ dataDir }: TestServer, kind: "nats" | "redis") =>
  join(dataDir, kind);

/** Of a server that is down for as long as it takes. */
async function copyOf(server: TestServer, kind: "nats" | "redis") {
  const copy = `${folderOf(server, kind)}.copy`;
  await server.kill("SIGTERM");
  await cp(folderOf(server, kind), copy, { recursive: true });
  await server.restart();
  return copy;
}

async function putBack(folder: string, copy: string) {
  await rm(folder, { recursive: true });
  await cp(copy, folder, { recursive: true });
}

const idsOf = (events: readonly LoggedEvent[], word: string) =>
  events.filter((one) => one.word === word).map(({ taskId }) => taskId);

const records = ({ logDir }: Fleet) =>
  readFile(join(logDir, "app.log"), "utf8");

for (const natsVersion of await natsVersions())
  test(
    `the broker's disk (${natsVersion}) forgets its last seconds: it is said what is gone, and everything else is right`,
    { timeout: 240_000 },
    async () => {
      const fleet = await startFleet({ natsVersion, sizes, env });
      try {
        await fleet.healthy(60_000);
        const { told, post } = makeCaller(fleet);
        const finished = await post(20, 5);
        await untilEnded(fleet, finished);
        const across = await post(4, 150);
        // One that was delivered and not started would be delivered again later than those behind it.
        await untilLogged(fleet, across, "starts");
        // Nothing is added to the log before it is read.
        const flow = fleet.proxies.nats.stall();
        const copy = await copyOf(fleet.nats, "nats");
        const kept = await makeLogReader(fleet).read();
        flow();
        await fleet.healthy(60_000);
        const ended = await post(20, 5);
        await untilEnded(fleet, [...across, ...ended]);
        const running = await post(4, 400);
        const before = await makeLogReader(fleet).read();

        await fleet.nats.kill();
        await putBack(folderOf(fleet.nats, "nats"), copy);
        await fleet.nats.restart();
        await fleet.healthy(60_000);
        const later = await post(20, 5);
        await untilEnded(fleet, [...across, ...later]);
        const log = makeLogReader(fleet);
        const waits = await settle(fleet, log, 60_000);
        const seen = { told, journal: [], sightings: [] };
        const evidence = await gather(fleet, seen, log);
        const said = [fleet.output(), ...check(evidence)].join("\n");
        assert.equal(waits, undefined, said);

        // The log goes on behind what was kept, and nothing of that was changed.
        const idOf = ({ seq, messageId }: LoggedEvent) => `${seq} ${messageId}`;
        assert.deepEqual(
          evidence.log.slice(0, kept.length).map(idOf),
          kept.map(idOf),
        );
        const gone = idsOf(before.slice(kept.length), "requested");
        assert.deepEqual(gone.toSorted(), [...ended, ...running].toSorted());
        const expected = gone.map((id) => `${id}: accepted with 202, and not in the log`); // prettier-ignore
        assert.deepEqual(check(evidence).toSorted(), expected.toSorted(), said);
        const text = await records(fleet);
        assert.match(text, /the log lost its tail: it is projected anew/);
        assert.match(text, /the log lost its end.*: they were cut back/);
      } finally {
        await fleet.stop();
      }
    },
  );

test(
  "Redis and the log files forget their last seconds: both are made whole from the log",
  { timeout: 240_000 },
  async () => {
    const fleet = await startFleet({ sizes, env });
    try {
      await fleet.healthy(60_000);
      const { told, post } = makeCaller(fleet);
      await untilEnded(fleet, await post(20, 5));
      const across = await post(4, 150);
      const copy = await copyOf(fleet.redis, "redis");
      const [logger] = fleet.of("logger");
      assert.ok(logger);
      await logger.stop();
      await cp(fleet.logDir, `${fleet.logDir}.copy`, { recursive: true });
      logger.start();
      await untilEnded(fleet, [...across, ...(await post(20, 5))]);
      const running = await post(4, 400);

      await Promise.all([logger.crash(), fleet.redis.kill()]);
      await putBack(fleet.logDir, `${fleet.logDir}.copy`);
      await putBack(folderOf(fleet.redis, "redis"), copy);
      await fleet.redis.restart();
      logger.start();
      await fleet.healthy(60_000);
      await untilEnded(fleet, [...running, ...(await post(20, 5))]);
      const log = makeLogReader(fleet);
      const waits = await settle(fleet, log, 60_000);
      const seen = { told, journal: [], sightings: [] };
      const evidence = await gather(fleet, seen, log);
      const violations = check(evidence);
      const said = [fleet.output(), ...violations].join("\n");
      assert.equal(waits, undefined, said);
      assert.deepEqual(violations, [], said);
    } finally {
      await fleet.stop();
    }
  },
);
