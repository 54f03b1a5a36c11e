/** Everything that the checker looks at, read without any code of the system. */
import { redisPrefix } from "@jetscribe/testing";
import { statSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { call, type Answer } from "./client.ts";
import type { WebhookCall } from "./webhooks.ts";
import { connectWitness, type Witnessed } from "./connectWitness.ts";
import type { Fleet } from "./fleet.ts";
import type { Entry } from "./journal.ts";
import type { Heard } from "./listenStored.ts";
import type { Told } from "./told.ts";
import type { Said } from "./member.ts";
import { makeLogReader, type LoggedEvent, type LogReader } from "./readLog.ts";
import { straysOf } from "./strays.ts";
import type { KeysSeen } from "./tenant.ts";
import type { SubscriberSeen } from "./subscriber.ts";
import type { Walk } from "./walkLists.ts";
import type { Nats } from "./wire/nats.ts";
import { redisCommands } from "./wire/redis.ts";

export interface Evidence {
  /** All of EVENTS, in order. */
  log: readonly LoggedEvent[];
  told: readonly Told[];
  /** `GET /result` of every accepted task, in the end. */
  served: ReadonlyMap<string, Answer>;
  /** `GET /status` of some of them. */
  statuses: ReadonlyMap<string, Answer>;
  projection: Projection;
  /** The same before all projections were lost and made anew; undefined: they were not. */
  before?: Projection;
  logFiles: LogFiles;
  /** What the services said on their standard output, and have had the time to write to `app.log`. */
  said: readonly Said[];
  /** Keys and seeds, which may stand nowhere but where they are kept; undefined: nobody told them. */
  secrets?: readonly string[];
  workQueues: readonly WorkQueue[];
  /** What was seen on the way, and may never be. */
  sightings: readonly string[];
  /** What `GET /tasks` answered; undefined: nobody asked. */
  lists?: readonly Walk[];
  /** What users of keys were told that were made on the way; undefined: there were none. */
  keys?: KeysSeen;
  /** All of KEYS, in order. */
  keyLog?: readonly LoggedEvent[];
  gateways?: readonly { name: string; url: string }[];
  /** On the live feed of stored events; undefined: nobody listened. */
  heard?: Heard;
  /** What the programs of subscribers were given; undefined: there were none. */
  subscribers?: readonly SubscriberSeen[];
  /** What the receiver of webhooks got; undefined: there was none. */
  webhooks?: readonly WebhookCall[];
  journal: readonly Entry[];
  ownEnds: readonly string[];
  /** Processes of the fleet that belong to none of its members. */
  strays: readonly string[];
}

/** What stands in Redis. */
export interface Projection {
  seq: number;
  caughtUp: boolean;
  /** By task id: what is stored, as it is. */
  tasks: ReadonlyMap<string, readonly unknown[]>;
  /** Members of the sets of waiting and of running tasks. */
  waiting: readonly string[];
  running: readonly string[];
}

export interface LogFiles {
  /** Of `llm_requests.log` and its rotated files. */
  requests: readonly string[];
  /** The first lines of the entries of `errors.log`. */
  errorHeads: readonly string[];
  /** Of `app.log` and its rotated files. */
  app: readonly string[];
  /** Bytes of every file, and what LOG_ROTATE_SIZE says; undefined: the default, which no run reaches. */
  sizes: readonly { name: string; bytes: number }[];
  rotateBytes: number | undefined;
}

export interface WorkQueue {
  name: string;
  pending: number;
  ackPending: number;
  /** Everything up to this sequence is acknowledged. */
  ackFloor: number;
}

export async function readProjection(port: number): Promise<Projection> {
  const [checkpoint, found, running] = await redisCommands(port, [
    ["GET", `${redisPrefix}checkpoint`],
    ["KEYS", "*"],
    ["ZRANGE", `${redisPrefix}running`, "0", "-1"],
  ]);
  const keys = found as string[];
  const keysOf = (kind: string) =>
    keys.filter((key) => key.startsWith(redisPrefix + kind));
  const taskKeys = keysOf("task:");
  const queueKeys = [...keysOf("queue:"), ...keysOf("later:")];
  const [values, queued] = await Promise.all([
    redisCommands(port, taskKeys.map((key) => ["GET", key])), // prettier-ignore
    redisCommands(port, queueKeys.map((key) => ["ZRANGE", key, "0", "-1"])), // prettier-ignore
  ]);
  const [, , seq = -1, , caughtUp = false] = parseArray(checkpoint);
  const tasks = taskKeys.map(
    (key, i) =>
      [key.slice(`${redisPrefix}task:`.length), parseArray(values[i])] as const,
  );
  return {
    seq: Number(seq),
    caughtUp: caughtUp === true,
    tasks: new Map(tasks),
    waiting: (queued as string[][]).flat(),
    running: running as string[],
  };
}

export const parseArray = (text: unknown): unknown[] => {
  const value: unknown = JSON.parse(typeof text === "string" ? text : "[]");
  return Array.isArray(value) ? value : [];
};

export async function readLogFiles({
  logDir,
  rotateBytes,
}: Pick<Fleet, "logDir" | "rotateBytes">): Promise<LogFiles> {
  const names = await readdir(logDir).catch(() => []);
  const linesOf = async (begin: string) => {
    const mine = names.filter(
      (name) => name.startsWith(begin) && name.endsWith(".log"),
    );
    const texts = await Promise.all(
      mine.map((name) => readFile(join(logDir, name), "utf8")),
    );
    // A last line without its end is a line all the same: it has to be explained.
    return texts.flatMap((text) => text.split("\n")).filter((line) => line);
  };
  const errors = await linesOf("errors.");
  return {
    requests: await linesOf("llm_requests."),
    errorHeads: errors.filter((line) => !line.startsWith(" ")),
    app: await linesOf("app."),
    sizes: names.flatMap((name) => {
      const found = statSync(join(logDir, name), { throwIfNoEntry: false });
      return found && name.endsWith(".log") ? [{ name, bytes: found.size }] : []; // prettier-ignore
    }),
    rotateBytes,
  };
}

export async function readWorkQueues(broker: Nats): Promise<WorkQueue[]> {
  const { consumers } = await broker.request("$JS.API.CONSUMER.NAMES.EVENTS");
  const names = ((consumers ?? []) as string[]).filter((name) =>
    name.startsWith("infer="),
  );
  return await Promise.all(
    names.map(async (name) => {
      const info = await broker.request(`$JS.API.CONSUMER.INFO.EVENTS.${name}`);
      return {
        name,
        pending: Number(info["num_pending"]),
        ackPending: Number(info["num_ack_pending"]),
        ackFloor: (info["ack_floor"] as { stream_seq: number }).stream_seq,
      };
    }),
  );
}

export async function workQueuesOf(fleet: Witnessed): Promise<WorkQueue[]> {
  using broker = await connectWitness(fleet);
  return await readWorkQueues(broker);
}

/** What only whoever drove the run can tell. */
type Seen = Pick<
  Evidence,
  | "told"
  | "journal"
  | "sightings"
  | "heard"
  | "lists"
  | "before"
  | "subscribers"
  | "webhooks"
> &
  // Without a whole journal nobody knows what stood in a record's way.
  Partial<Pick<Evidence, "said">>;

/** Gathers all of it from a system in which nothing is under way. */
export async function gather(
  fleet: Fleet,
  { told, journal, sightings, said = [], ...seen }: Seen,
  reader: LogReader,
): Promise<Evidence> {
  const kept = told.filter(({ lost }) => lost !== true);
  const askedOf = kept.flatMap(({ taskId, owner }) =>
    taskId === undefined ? [] : [{ id: taskId, owner }],
  );
  const written = Date.now() - writtenWithinMs;
  return {
    ...{ told, journal, sightings, ownEnds: fleet.ownEnds },
    ...seen,
    secrets: secretsOf(fleet),
    keyLog: await makeLogReader(fleet, "KEYS").read(),
    gateways: fleet.of("gateway").map(({ name }, i) => ({ name, url: fleet.urls?.[i] ?? fleet.url })), // prettier-ignore
    log: await reader.read(),
    said: said.filter(({ time }) => time < written),
    served: await ask(fleet, askedOf, (id) => `/result/${id}`),
    statuses: await ask(fleet, askedOf.slice(-50), (id) => `/status/${id}`),
    projection: await readProjection(fleet.redis.port),
    logFiles: await readLogFiles(fleet),
    workQueues: await workQueuesOf(fleet),
    strays: straysOf(fleet, true),
  };
}

/** The owners' keys, and the seeds of their subscribers. */
const secretsOf = ({ owners, subscribers = [] }: Fleet): string[] => [
  ...Object.values(owners),
  ...subscribers.map(({ seed }) => seed),
];

/** From a record to its line, on a busy machine. */
const writtenWithinMs = 5_000;

/** Asks for all of them with their owners' keys, some at a time. */
async function ask(
  { url, key, owners }: Fleet,
  tasks: readonly { id: string; owner: string | undefined }[],
  path: (id: string) => string,
): Promise<Map<string, Answer>> {
  const answers = new Map<string, Answer>();
  const left = [...tasks];
  const asking = Array.from({ length: 16 }, async () => {
    for (let one; (one = left.pop());) {
      const at = { url, key: owners[one.owner ?? ""] ?? key };
      answers.set(one.id, await call(at, "GET", path(one.id)));
    }
  });
  await Promise.all(asking);
  return answers;
}
