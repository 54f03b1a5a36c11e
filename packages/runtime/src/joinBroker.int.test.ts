import { connectBroker } from "@jetscribe/event-log/broker/connection";
import { announceProjection } from "@jetscribe/event-log/signals/signals";
import { applyStreams } from "@jetscribe/event-log/streams/streamPlan";
import {
  eventually,
  makeTestAccounts,
  natsVersions,
  startNats,
  type NatsVersion,
} from "@jetscribe/testing";
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pino from "pino";
import { describe, test } from "vitest";
import { readConfig, type Env } from "./config.ts";
import { brokerOf } from "./credentials.ts";
import { BrokerSettings, joinBroker, topologyOf } from "./joinBroker.ts";

interface Said {
  msg: string;
  stream?: string;
  subject?: string;
}

/** Lets a logger join, and keeps what it logs. `onConnected`: before it looks at the streams. */
function startJoining(env: Env, onConnected = () => {}) {
  const stack = new AsyncDisposableStack();
  const said: Said[] = [];
  const write = (line: string) => void said.push(JSON.parse(line) as Said);
  const joining = joinBroker("logger", readConfig(BrokerSettings, env), {
    ...{
      stack,
      log: pino({}, { write }),
      attachLog: onConnected,
      showMetrics: () => undefined,
    },
    stopping: new AbortController().signal,
    fail: (error) => assert.fail(String(error)),
  });
  const saidThat = (start: string) =>
    said.filter(({ msg }) => msg.startsWith(start));
  return {
    joining,
    unseen: () => saidThat("the streams can't be looked at"),
    missing: () => saidThat("a stream is missing"),
    forbidden: () => saidThat("the broker forbids"),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

/** A broker with users, and among them one with a password that may look at streams alone. */
async function startBroker(version: NatsVersion) {
  await using opened = new AsyncDisposableStack();
  const dir = await mkdtemp(join(tmpdir(), "jetscribe-users-"));
  opened.defer(() => rm(dir, { recursive: true }));
  const accounts = await makeTestAccounts(dir, {
    otherUsers: [
      '{ user: looks, password: looks, permissions: { publish: "$JS.API.STREAM.INFO.*" } }',
    ],
  });
  const config = [accounts.config];
  const server = opened.use(await startNats({ version, config }));
  const NATS_URL = server.url;
  const operator = readConfig(BrokerSettings, {
    ...{ NATS_URL, NATS_NKEY_FILE: accounts.fileOf("operator") },
  });
  const all = opened.move();
  return {
    server,
    asLogger: { NATS_URL, NATS_NKEY_FILE: accounts.fileOf("logger") },
    byPassword: { NATS_URL: NATS_URL.replace("//", "//looks:looks@") },
    async makeStreams() {
      const options = brokerOf(operator, "operator");
      await using broker = await connectBroker({
        ...options,
        name: "operator",
      });
      await applyStreams(broker, topologyOf(operator));
    },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

for (const version of await natsVersions())
  describe(`joining a broker with users, nats-server, the ${version}`, () => {
    test("a service waits for the streams until the operator has made them, and says so once", async () => {
      await using nats = await startBroker(version);
      await using service = startJoining(nats.asLogger);
      await eventually(() => service.missing().length > 0);
      await nats.makeStreams();
      const broker = await service.joining;
      assert.deepEqual(
        service.missing().map(({ stream }) => stream),
        ["EVENTS"],
      );
      assert.deepEqual(service.forbidden(), []);

      const word = {
        name: "results",
        instance: "i",
        leading: true,
        seq: 1,
        caught_up: true,
      };
      for (const _ of [1, 2]) announceProjection(broker, word);
      await broker.nc.flush();
      await eventually(() => service.forbidden().length > 0);
      assert.deepEqual(
        service.forbidden().map(({ subject }) => subject),
        ["llm.projections.results"],
      );
    });

    test("a service that could not look at the streams yet says all the same that one is missing", async () => {
      await using nats = await startBroker(version);
      const { server } = nats;
      await using service = startJoining(
        nats.asLogger,
        () => void server.kill("SIGSTOP"),
      );
      await eventually(() => service.unseen().length > 0);
      await server.kill("SIGCONT");
      await eventually(() => service.missing().length > 0);
      await nats.makeStreams();
      await service.joining;
      assert.deepEqual(
        [service.unseen().length, service.missing().length],
        [1, 1],
      );
    });

    test("a user by password that may make none waits too, and tries it once", async () => {
      await using nats = await startBroker(version);
      await using service = startJoining(nats.byPassword);
      await eventually(() => service.missing().length > 0);
      await nats.makeStreams();
      await service.joining;
      assert.deepEqual(
        service.forbidden().map(({ subject }) => subject),
        ["$JS.API.STREAM.NAMES"],
      );
    });
  });
