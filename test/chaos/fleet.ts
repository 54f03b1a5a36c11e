/** The whole system as real processes, with a proxy between the services and each server. */
import { connectBroker } from "@jetscribe/event-log/broker/connection";
import { ensureTopology } from "@jetscribe/event-log/streams/topology";
import { readConfig } from "@jetscribe/runtime";
import {
  eventually,
  freePort,
  makeTestAccounts,
  startNats,
  startRedis,
} from "@jetscribe/testing";
import type { NatsVersion, TestServer } from "@jetscribe/testing";
import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import {
  BrokerSettings,
  topologyOf,
} from "../../packages/runtime/src/joinBroker.ts";
import { apiKey } from "../../scripts/system/dataDir.ts";
import { readHealth } from "../../scripts/system/health.ts";
import {
  stopInOrder,
  type ServiceName,
} from "../../scripts/system/services.ts";
import { startMember, type Member } from "./member.ts";
import { startProxy, type Proxy } from "./proxy.ts";
import { subscriberOf, type SubscriberUser } from "./subscriberUser.ts";
import { webhookSettings } from "./webhookSettings.ts";
import type { Login } from "./wire/nats.ts";

/** How many processes of each service; without webhooks where none are delivered. */
export type Sizes = Record<Exclude<ServiceName, "webhooks">, number> &
  Partial<Record<ServiceName, number>>;

export interface Fleet {
  /** Of the first gateway. */
  readonly url: string;
  /** Of every gateway, where there are several. */
  readonly urls?: readonly string[];
  /** The first owner's key. */
  readonly key: string;
  /** Every owner's key, by the owner's name. Those that are made on the way come to it. */
  readonly owners: Record<string, string>;
  /** Names of the models that have a worker. */
  readonly models: readonly string[];
  readonly logDir: string;
  /** The task index of the results services; undefined: it is out of reach. */
  readonly indexDir?: string;
  /** LOG_ROTATE_SIZE, where it is set. */
  readonly rotateBytes?: number;
  readonly nats: TestServer;
  /** Of a user who may do everything there; undefined: the server lets in whoever comes. */
  readonly login?: Login | undefined;
  /** The same user in the server's address. */
  readonly witnessUrl?: string;
  /** Of each owner one; undefined: the server has no accounts of theirs. */
  readonly subscribers?: readonly SubscriberUser[];
  readonly redis: TestServer;
  readonly proxies: { nats: Proxy; redis: Proxy };
  readonly members: readonly Member[];
  /** Processes that ended though nobody ended them. */
  readonly ownEnds: readonly string[];
  /** In the environment of every process of this fleet. */
  readonly mark: string;
  of(service: ServiceName): Member[];
  /** Until every gateway is healthy, and knows of every worker that it has its model. */
  healthy(timeoutMs: number): Promise<void>;
  /** The last lines of every process. */
  output(): string;
  stop(): Promise<void>;
}

/** What every process of the fleet runs with; tasks take 20 ms per token. */
export const settings = {
  ENGINE: "fake",
  FAKE_TOKENS: "1500",
  FAKE_MS: "30000",
  CONTEXT_SIZE: "8192",
  SLOTS: "8",
  ACK_WAIT: "3s",
  TASK_TIMEOUT: "20s",
  DRAIN_TIMEOUT: "3s",
  HANG_TIMEOUT: "6s",
  EVENTS_MAX_BYTES: String(2 ** 30),
};
/** So that a service's clock can be put ahead. */
const clockStep = join(import.meta.dirname, "clockStep.ts");

/** The first one's key is that of the folder; `once` posts one task and never again. */
const ownerNames = ["default", "second", "third", "once"] as const;
/** Workers of a number above this run the second model. */
const firstModelWorkers = 2;
const modelNames = ["demo", "other"] as const;

export const fakeTokens = Number(settings.FAKE_TOKENS);
export const msPerToken = Number(settings.FAKE_MS) / fakeTokens;

export async function startFleet({
  natsVersion = "default",
  broker,
  sizes,
  env: changes = {},
}: {
  natsVersion?: NatsVersion;
  /** Instead of a server of its own: whoever started it stops it, and sees to its faults. */
  broker?: { nats: TestServer; env: { NATS_URL: string; REPLICAS: string } };
  sizes: Sizes;
  /** Over the settings above. */
  env?: Readonly<Record<string, string>>;
}): Promise<Fleet> {
  await using opened = new AsyncDisposableStack();
  const dataDir = await mkdtemp(join(tmpdir(), "jetscribe-chaos-"));
  opened.defer(() => rm(dataDir, { recursive: true, force: true }));
  const key = apiKey(dataDir);
  const owners = Object.fromEntries(
    ownerNames.map((name, i) => [name, i === 0 ? key : randomUUID()]),
  );
  const subscribers = ownerNames.map(subscriberOf);
  const accounts = await makeTestAccounts(join(dataDir, "credentials"), {
    subscribers: subscribers.map(({ account }) => account),
  });
  const nats =
    broker?.nats ??
    opened.use(await startNats({ version: natsVersion, config: [accounts.config] })); // prettier-ignore
  const redis = opened.use(await startRedis());
  const proxies = {
    nats: opened.use(await startProxy(nats.port)),
    redis: opened.use(await startProxy(redis.port)),
  };
  const ports: number[] = [];
  while (ports.length < sizes.gateway) ports.push(await freePort());
  const [logDir, mark] = [join(dataDir, "logs"), randomUUID()];
  const env = {
    ...process.env,
    ...{ NAMESPACE: "", REDIS_PREFIX: "" },
    ...settings,
    ...webhookSettings,
    WEBHOOKS: sizes.webhooks ? "on" : "off",
    ...changes,
    NATS_URL: `nats://127.0.0.1:${proxies.nats.port}`,
    REDIS_URL: `redis://127.0.0.1:${proxies.redis.port}`,
    HOST: "127.0.0.1",
    DATA_DIR: dataDir,
    LOG_DIR: logDir,
    API_KEYS: Object.entries(owners).map((pair) => pair.join(":")).join(), // prettier-ignore
    CHAOS_MARK: mark,
    NODE_OPTIONS: `--import=${clockStep}`,
    ...broker?.env,
  };
  const witnessUrl = accounts.forTest(nats.url);
  if (broker === undefined) await makeStreams(witnessUrl, env);
  const ownEnds: string[] = [];
  let over = false;
  async function onOwnEnd(member: Member, how: string): Promise<void> {
    ownEnds.push(`${member.name}: ${how}\n${tailOf(member)}`);
    await sleep(restartAfterMs);
    if (!over) member.start();
  }
  const members: Member[] = [];
  opened.defer(async () => {
    over = true;
    for (const member of members) member.thaw();
    await stopInOrder(
      members.map(({ supervised }) => supervised),
      stopMs,
    );
    for (const member of members) member.end();
  });
  for (const [service, count] of Object.entries(sizes))
    for (let number = 1; number <= count; number++)
      members.push(
        startMember(
          service as ServiceName,
          number,
          {
            ...env,
            ...(service === "inference" && { MODEL_NAME: modelOf(number) }),
            ...(broker === undefined && {
              NATS_NKEY_FILE: accounts.fileOf(service as ServiceName),
            }),
            PORT: String(ports[number - 1]),
          },
          (member, how) => {
            if (!over) void onOwnEnd(member, how);
          },
        ),
      );
  const urls = ports.map((port) => `http://127.0.0.1:${port}`);
  const [url = ""] = urls;
  const output = () =>
    members.map((one) => `--- ${one.name}\n${tailOf(one)}`).join("\n");
  const all = opened.move();
  return {
    ...{ url, urls, key, owners, logDir, nats, redis, proxies, members },
    ...{ ownEnds, mark, indexDir: join(dataDir, "index") },
    ...(broker === undefined && {
      ...{ subscribers, witnessUrl, login: loginOf(witnessUrl) },
    }),
    ...("LOG_ROTATE_SIZE" in changes && {
      rotateBytes: Number(changes["LOG_ROTATE_SIZE"]),
    }),
    models: modelNames.slice(0, sizes.inference > firstModelWorkers ? 2 : 1),
    of: (service) => members.filter((member) => member.service === service),
    async healthy(timeoutMs) {
      for (const one of urls) {
        let health: Awaited<ReturnType<typeof readHealth>>;
        const isHealthy = async () => {
          health = await readHealth(one);
          const workers = health?.workers.filter(
            ({ model_loaded }) => model_loaded,
          );
          return health?.healthy && (workers?.length ?? 0) >= sizes.inference;
        };
        await eventually(isHealthy, { timeoutMs, everyMs: 100 }).catch(
          (cause: unknown) => {
            const was = JSON.stringify(health);
            throw new Error(`${output()}\nnot healthy: ${was}`, { cause });
          },
        );
      }
    },
    output,
    stop: () => all.disposeAsync(),
  };
}

/** As the operator does it before the services start. */
async function makeStreams(url: string, env: NodeJS.ProcessEnv) {
  await using broker = await connectBroker({ url, name: "operator" });
  await ensureTopology(broker, topologyOf(readConfig(BrokerSettings, env)));
}

const loginOf = (url: string): Login => {
  const { username: user, password: pass } = new URL(url);
  return { user, pass };
};

const modelOf = (number: number) =>
  modelNames[number > firstModelWorkers ? 1 : 0];

const restartAfterMs = 500;
const stopMs = 10_000;
const tailLines = 25;

const tailOf = ({ supervised }: Member): string =>
  supervised.output().split("\n").slice(-tailLines).join("\n");
