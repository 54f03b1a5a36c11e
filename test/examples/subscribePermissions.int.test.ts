/** The permissions on docs/subscribe.md are enough for each program of the page, also where the log has what is no event. */
import { makeAppender } from "@jetscribe/event-log/append/append";
import { connectBroker } from "@jetscribe/event-log/broker/connection";
import { ensureTopology } from "@jetscribe/event-log/streams/topology";
import { settings } from "@jetscribe/event-log/test/eventLogTestKit";
import { eventSubject, newTaskId, streams } from "@jetscribe/schema";
import {
  failed,
  queue,
  requested,
} from "@jetscribe/schema/test/taskEventsTestKit";
import { eventually, startNats } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "vitest";
import { readDocument } from "../docs/documents.ts";
import { bringMs, compileWithNats, findNatsPy } from "./foreignClients.ts";
import { makePrograms, node, python, type Command } from "./programs.ts";

const [permissions, ofAlarms] = readDocument("docs/subscribe.md")
  .blocks.filter(({ language }) => language === "conf")
  .map(({ text }) => text);

/** A log with three messages: a request, what is no event, and a failure. Whoever gives no name is a subscriber. */
async function openLog(env: NodeJS.ProcessEnv = {}, allowed = permissions) {
  await using opened = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), "jetscribe-permissions-"));
  opened.defer(() => rm(folder, { recursive: true }));
  const users = `{ user: admin, password: admin }, { user: subscriber, password: subscriber, ${allowed} }`;
  const config = [`authorization { users: [${users}] }`, "no_auth_user: subscriber"]; // prettier-ignore
  const nats = opened.use(await startNats({ config }));
  const url = nats.url.replace("://", "://admin:admin@");
  const broker = opened.use(await connectBroker({ url, name: "test" }));
  await ensureTopology(broker, settings);
  const appender = opened.use(makeAppender(broker, "gateway"));
  const id = newTaskId();
  const fail = (task_id: string) => appender.append(failed(task_id), queue);
  await appender.append(requested(id), queue);
  await broker.nc.request(eventSubject("GenerateFailed", queue), "no JSON");
  await fail(id);
  const programs = makePrograms(() => ({
    ...{ NATS_URL: nats.url, PYTHONDONTWRITEBYTECODE: "1" },
    ...env,
  }));
  const all = opened.move();
  return {
    ...programs,
    ...{ url: nats.url, folder, id, fail },
    /** Waits until a durable consumer has acknowledged all. */
    acknowledged: (name: string) =>
      eventually(async () => {
        const info = await broker.jsm.consumers.info(streams.events, name);
        return info.ack_floor.stream_seq === 3 && info.num_ack_pending === 0;
      }),
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

/** Resolves when it has printed what is wanted. */
const prints = (wanted: string) => async (printed: () => string) => {
  await eventually(() => printed().includes(wanted));
};

type Log = Awaited<ReturnType<typeof openLog>>;

/** The live feed. */
const hearsLive = (log: Log, program: Command) =>
  log.runWhile(program, "listening\n", async (printed) => {
    const another = newTaskId();
    await log.fail(another);
    await prints(another)(printed);
  });

/** The durable consumer `alarms` hears the failure, and acknowledges it and what is no event. */
const hearsAll = (log: Log, program: Command) =>
  log.runWhile(program, "listening\n", async (printed) => {
    await prints(`${log.id} TimeoutError`)(printed);
    await log.acknowledged("alarms");
  });

test("the permissions are enough for the programs in TypeScript", async () => {
  await using log = await openLog();
  const { run, runWhile, id } = log;
  const [, , last] = (await run(...node("examples/subscribe/replay.ts"))).split("\n"); // prettier-ignore
  assert.match(last ?? "", /^3 \S+ jetscribe\.GenerateFailed\.v1$/);
  await hearsAll(log, node("examples/subscribe/durable.ts"));
  const sqlite = node("examples/subscribe/sqlite.ts", join(log.folder, "db"));
  await runWhile(sqlite, "listening\n", prints(`3 ${id} failed`));
  // With a checkpoint, which is compared.
  await runWhile(sqlite, "listening\n", async (printed) => {
    assert.equal(printed(), "listening\n");
    await Promise.resolve();
  });
  await hearsLive(log, node("examples/subscribe.ts"));
});

test("the permissions of one durable consumer are enough for it, and for no other", async () => {
  await using log = await openLog({}, ofAlarms);
  await hearsAll(log, node("examples/subscribe/durable.ts"));
  const another = node("examples/subscribe/durable.ts", "another");
  await assert.rejects(log.run(...another), { code: 1 });
});

test(
  "the permissions are enough for the program in Python",
  { timeout: bringMs },
  async ({ skip }) => {
    const env = await findNatsPy();
    skip(env === undefined, "no nats-py");
    await using log = await openLog(env);
    assert.equal(
      await log.run(...python("replay")),
      "1 jetscribe.GenerateRequested.v1\n2 ?\n3 jetscribe.GenerateFailed.v1\n",
    );
    await hearsAll(log, python("failures"));
    await hearsLive(log, python("live"));
  },
);

test(
  "the permissions are enough for the program in C",
  { timeout: bringMs },
  async ({ skip }) => {
    const folder = await mkdtemp(join(tmpdir(), "jetscribe-in-c-"));
    await using cleaning = new AsyncDisposableStack();
    cleaning.defer(() => rm(folder, { recursive: true }));
    const compiled = join(folder, "subscribe");
    const env = await compileWithNats(
      "examples/subscribe/subscribe.c",
      compiled,
    );
    skip(env === undefined, "no C client");
    await using log = await openLog(env);
    const subject = eventSubject("GenerateFailed", queue);
    const take = () => log.run(compiled, log.url, "in-c", "llm.events.failed.>", "1"); // prettier-ignore
    assert.equal(await take(), `2 ${subject} ?\n`);
    assert.equal(await take(), `3 ${subject} ${log.id}\n`);
    await log.acknowledged("in-c");
  },
);
