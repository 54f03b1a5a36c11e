import { connectBroker } from "@jetscribe/event-log/broker/connection";
import { applyStreams } from "@jetscribe/event-log/streams/streamPlan";
import {
  brokerOf,
  BrokerSettings,
  readConfig,
  topologyOf,
} from "@jetscribe/runtime";
import type { Subscriber } from "@jetscribe/event-log/accounts/subscriber";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { apiKey } from "../../../scripts/system/dataDir.ts";
import {
  projectionNames,
  readHealth,
  workerErrors,
} from "../../../scripts/system/health.ts";
import { freePort } from "./freePort.ts";
import {
  serviceNames,
  serviceProgram,
  stopInOrder,
  type ServiceName,
} from "../../../scripts/system/services.ts";
import {
  makeSupervised,
  type Supervised,
} from "../../../scripts/system/supervise.ts";
import { makeTestAccounts, type TestAccounts } from "./accounts.ts";
import { checkAnswersOf } from "./answers/watchAnswers.ts";
import { startNatsCluster, type NatsCluster } from "./cluster.ts";
import { eventually } from "./eventually.ts";
import { ended, endWithUs } from "./leftovers.ts";
import {
  startNats,
  startRedis,
  type NatsVersion,
  type TestServer,
} from "./servers.ts";

/** A process of the stack: of each service one, and where asked for a second one. */
export type Member = ServiceName | `${ServiceName}-2`;

export interface StackOptions {
  /** Over the defaults: the fake engine would be `{ ENGINE: "fake" }`. */
  env?: Record<string, string>;
  /** One of each service by default, without webhooks: a test that has some asks for it. */
  services?: readonly Member[];
  natsVersion?: NatsVersion;
  durability?: "process" | "machine";
  /** So many NATS servers in a cluster, with as many copies of everything, instead of one. */
  nodes?: number;
  /**
   * By default each service is a user of its own, and a service that does what its user may not fails the test. False:
   * nobody needs a user.
   */
  accounts?: boolean;
  /** Owners (slugs) that may call over NATS, each in an account of its own. */
  callers?: readonly string[];
  /** Accounts beside that of the services; their durable consumers are the test's to make. */
  subscribers?: readonly Subscriber[];
  /** How long the system may take to be healthy (a model has to be loaded); 0 doesn't wait. */
  healthyWithinMs?: number;
}

/** A whole system of real processes, on free ports and data of its own. */
export interface Stack extends AsyncDisposable {
  readonly url: string;
  /** Of the second gateway. */
  readonly url2: string;
  readonly key: string;
  /** For the test: with a user in it who may do everything. */
  readonly natsUrl: string;
  /** Without that user, for those who have one. */
  readonly plainNatsUrl: string;
  /** Of the users of the system; undefined: nobody needs one. */
  readonly accounts: TestAccounts | undefined;
  readonly redisUrl: string;
  readonly logDir: string;
  readonly dataDir: string;
  /** The first node of a cluster. */
  readonly nats: TestServer;
  readonly redis: TestServer;
  readonly cluster: NatsCluster | undefined;
  /** The process of a service; undefined while it is down. */
  pid(service: Member): number | undefined;
  /** Its last lines. */
  output(service: Member): string;
  /** Sends it a signal (SIGKILL by default, which takes its children along); waits for its end if the signal ends it. */
  kill(service: Member, signal?: NodeJS.Signals): Promise<void>;
  /** Starts it again; one that still runs is stopped first. */
  restart(service: Member): Promise<void>;
  /** Waits until `GET /health` answers 200. */
  healthy(timeoutMs?: number): Promise<void>;
  stop(): Promise<void>;
}

const DRAIN_MS = 10_000;
/** What a stack has unless it is asked for more. */
export const stackServices = serviceNames.filter((name) => name !== "webhooks");
/** Four processes start, one with a model, and other tests have the machine too. */
const healthyWithinMs = 120_000;

/** Starts NATS, Redis and the services, each of which is at work then. Nothing is started again by itself: a test decides. */
export async function startStack(options: StackOptions = {}): Promise<Stack> {
  await using opened = new AsyncDisposableStack();
  const dataDir = await mkdtemp(join(tmpdir(), "jetscribe-stack-"));
  opened.defer(() => rm(dataDir, { recursive: true, force: true }));
  const { natsVersion: version = "default", durability = "process" } = options;
  const { nodes = 1, accounts: hasAccounts = true } = options;
  const accounts = hasAccounts
    ? await makeTestAccounts(join(dataDir, "credentials"), {
        namespace: options.env?.["NAMESPACE"],
        ...(options.callers && { callers: options.callers }),
        ...(options.subscribers && { subscribers: options.subscribers }),
      })
    : undefined;
  const server = {
    ...{ version, durability },
    ...(accounts && { config: [accounts.config] }),
  };
  const cluster =
    nodes > 1
      ? opened.use(await startNatsCluster({ ...server, nodes }))
      : undefined;
  const nats = cluster?.nodes[0] ?? opened.use(await startNats(server));
  const natsUrl = cluster?.url ?? nats.url;
  const redis = opened.use(await startRedis());
  const [port, port2] = [await freePort(), await freePort()];
  const [url, url2, logDir, key] = [
    `http://127.0.0.1:${port}`,
    `http://127.0.0.1:${port2}`,
    join(dataDir, "logs"),
    apiKey(dataDir),
  ];
  const members = options.services ?? stackServices;
  const env = {
    ...process.env,
    WEBHOOKS: members.includes("webhooks") ? "on" : "off",
    NATS_URL: natsUrl,
    REPLICAS: String(nodes),
    REDIS_URL: redis.url,
    PORT: String(port),
    HOST: "127.0.0.1",
    DATA_DIR: dataDir,
    LOG_DIR: logDir,
    API_KEYS: `default:${key}`,
    EVENTS_MAX_BYTES: String(2 ** 30),
    ...{ NAMESPACE: "", REDIS_PREFIX: "" },
    ...options.env,
  };
  for (const gateway of [url, url2]) checkAnswersOf(gateway);
  if (accounts) await makeStreams({ ...env, NATS_URL: natsUrl }, accounts);
  const forbidden: string[] = [];
  opened.defer(() => refuse(forbidden));
  const services = startServices(members, {
    ...{ env, port2, accounts },
    onForbidden: (line) => forbidden.push(line),
  });
  opened.defer(() => stopServices([...services.values()]));
  const stack = {
    url,
    url2,
    key,
    natsUrl: accounts?.forTest(natsUrl) ?? natsUrl,
    plainNatsUrl: natsUrl,
    accounts,
    redisUrl: redis.url,
    logDir,
    dataDir,
    nats,
    redis,
    cluster,
  };
  const healthyAt = (
    at: string,
    timeoutMs: number,
    members: readonly Member[] = [],
  ) => waitUntilHealthy(at, [...services.values()], timeoutMs, members);
  const healthy = (timeoutMs = healthyWithinMs) => healthyAt(url, timeoutMs);
  const waitMs = options.healthyWithinMs ?? healthyWithinMs;
  if (waitMs > 0) {
    if (services.has("gateway")) await healthyAt(url, waitMs, members);
    if (services.has("gateway-2")) await healthyAt(url2, waitMs, members);
  }
  const all = opened.move();
  const stop = () => all.disposeAsync();
  return {
    ...stack,
    ...controls(services),
    healthy,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** As the operator does before the services start. */
async function makeStreams(
  env: NodeJS.ProcessEnv,
  { fileOf }: TestAccounts,
): Promise<void> {
  const NATS_NKEY_FILE = fileOf("operator");
  const settings = readConfig(BrokerSettings, { ...env, NATS_NKEY_FILE });
  await using broker = await connectBroker({
    ...{ ...brokerOf(settings, "operator"), name: "operator" },
  });
  await applyStreams(broker, topologyOf(settings));
}

/** What a service logs where its allow-list lacks something. */
const forbiddenWords = "the broker forbids what this service does";

function refuse(forbidden: readonly string[]): void {
  if (forbidden.length > 0)
    throw new Error(`allow-lists lack something:\n${forbidden.join("\n")}`);
}

function startServices(
  members: readonly Member[],
  {
    env,
    port2,
    accounts,
    onForbidden,
  }: {
    env: NodeJS.ProcessEnv;
    port2: number;
    accounts: TestAccounts | undefined;
    onForbidden: (line: string) => void;
  },
) {
  const services = new Map<Member, Supervised>();
  for (const member of members) {
    const isSecond = member.endsWith("-2");
    const name = (isSecond ? member.slice(0, -2) : member) as ServiceName;
    const program = serviceProgram(name, process.execPath, {
      ...env,
      ...(isSecond && { PORT: String(port2) }),
      ...(accounts && { NATS_NKEY_FILE: accounts.fileOf(name) }),
    });
    const one = makeSupervised(program, {
      restarts: false,
      onLine: (line) => {
        if (line.includes(forbiddenWords)) onForbidden(line);
      },
    });
    services.set(member, one);
    endWithUs(one);
    one.start();
  }
  return services;
}

function controls(services: Map<Member, Supervised>) {
  const get = (name: Member) => {
    const one = services.get(name);
    if (!one) throw new Error(`${name} is not part of this stack`);
    return one;
  };
  return {
    pid: (name: Member) => get(name).pid,
    output: (name: Member) => get(name).output(),
    async kill(name: Member, signal: NodeJS.Signals = "SIGKILL") {
      get(name).send(signal);
      if (signal === "SIGKILL" || signal === "SIGTERM") await get(name).gone();
    },
    async restart(name: Member) {
      await get(name).stop(DRAIN_MS);
      get(name).start();
    },
  };
}

/**
 * Of these members each worker has its model then, and each projection the whole log: one that came after a test's first
 * task would take it for history, as after a restart.
 */
async function waitUntilHealthy(
  url: string,
  services: Supervised[],
  timeoutMs: number,
  members: readonly Member[],
) {
  const readers = projectionNames.filter((name) => members.includes(name));
  const workers = members.filter((name) => name.startsWith("inference"));
  let seen: unknown;
  const isHealthy = async () => {
    const health = await readHealth(url);
    if (!health) return false;
    const { status, healthy, projections } = health;
    const loaded = health.workers.filter(({ model_loaded }) => model_loaded);
    const errors = workerErrors(health);
    seen = { status, projections, loaded: loaded.length, errors };
    const hasRead = (reader: Member) =>
      projections.some(
        ({ name, caught_up, error }) =>
          name === reader && (caught_up || error !== undefined),
      );
    return healthy && loaded.length >= workers.length && readers.every(hasRead);
  };
  await eventually(isHealthy, { timeoutMs }).catch((cause: unknown) => {
    const output = services
      .map((one) => `--- ${one.name}\n${one.output()}`)
      .join("\n");
    throw new Error(`not healthy: ${JSON.stringify(seen)}\n${output}`, {
      cause,
    });
  });
}

async function stopServices(services: Supervised[]) {
  for (const one of services) one.send("SIGCONT"); // a frozen one could not end by itself
  await stopInOrder(services, DRAIN_MS);
  for (const one of services) ended(one);
}
