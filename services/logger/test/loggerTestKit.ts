/** What the tests share: a real logger process, and a way to fill the log. */
import { makeAppender } from "@jetscribe/event-log/append/append";
import {
  connectBroker,
  type Broker,
} from "@jetscribe/event-log/broker/connection";
import { hearProjections } from "@jetscribe/event-log/signals/signals";
import { ensureTopology } from "@jetscribe/event-log/streams/topology";
import { newTaskId, type TaskEvent } from "@jetscribe/schema";
import {
  cancelled,
  completed,
  failed,
  queue,
  requested,
  started,
} from "@jetscribe/schema/test/taskEventsTestKit";
import { eventually } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export { queue } from "@jetscribe/schema/test/taskEventsTestKit";

/** A folder of its own, gone afterwards. */
export function tempDir(): Disposable & { path: string } {
  const path = mkdtempSync(join(tmpdir(), "jetscribe-logger-"));
  return {
    path,
    [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }),
  };
}

export const metrics = {
  queue_wait_time: 2.3,
  processing_time: 5.8,
  total_time: 8.1,
  prompt_tokens: 50,
  completion_tokens: 200,
  tokens_per_second: 200 / 5.8,
};

export type End = "completed" | "failed" | "cancelled";

export const requestedEvent = (task_id: string): TaskEvent =>
  requested(task_id, {
    model: "Demo",
    user_id: "alice",
    enqueue_time: 1_763_739_043,
  });

export const startedEvent = (task_id: string): TaskEvent =>
  started(task_id, 1, { start_time: 1_763_739_045, queue_wait_time: 2.3 });

export function outcomeEvent(
  task_id: string,
  end: End,
  result = "the result",
): TaskEvent {
  if (end === "cancelled") return cancelled(task_id, { metrics });
  return end === "completed"
    ? completed(task_id, 1, { metrics, result })
    : failed(task_id, 1, { metrics });
}

const ends = ["completed", "completed", "failed", "cancelled"] as const;

export interface Writer extends AsyncDisposable {
  broker: Broker;
  append: (event: TaskEvent) => Promise<number>;
  /** Whole lives of so many tasks, interleaved. Returns their ids in the order of their ends. */
  tasks: (
    count: number,
    options?: { result?: string; end?: End },
  ) => Promise<string[]>;
}

/** Hundreds at once may take a busy machine longer than one may. */
const within = { timeoutMs: 60_000 };

export async function openWriter(url: string): Promise<Writer> {
  const broker = await connectBroker({ url, name: "test" });
  await ensureTopology(broker, {
    eventsMaxBytes: 2 ** 30,
    taskTimeoutMs: 300_000,
    ...{ auditMaxAgeMs: 365 * 86_400_000, auditMaxBytes: 256_000_000 },
    replicas: 1,
  });
  const appender = makeAppender(broker, "test");
  const append = async (event: TaskEvent) =>
    (await appender.append(event, queue, within)).seq;
  return {
    broker,
    append,
    async tasks(count, { result, end } = {}) {
      const ids = Array.from({ length: count }, () => newTaskId());
      await Promise.all(
        ids.flatMap((id, at) =>
          [
            requestedEvent(id),
            startedEvent(id),
            outcomeEvent(
              id,
              end ?? ends[at % ends.length] ?? "completed",
              result,
            ),
          ].map(append),
        ),
      );
      return ids;
    },
    async [Symbol.asyncDispose]() {
      appender[Symbol.dispose]();
      await broker[Symbol.asyncDispose]();
    },
  };
}

export interface LoggerProcess extends AsyncDisposable {
  child: ChildProcess;
  /** Its own log records so far. */
  output: () => string;
  kill: (signal?: NodeJS.Signals) => Promise<void>;
}

/** The real process. `shell`: a command that starts it, as `"$@"`. */
export function startLogger(
  natsUrl: string,
  dir: string,
  env: Record<string, string> = {},
  shell = 'exec "$@"',
): LoggerProcess {
  const variables = {
    NATS_URL: natsUrl,
    LOG_DIR: dir,
    EVENTS_MAX_BYTES: "1GiB",
  };
  const command = [
    "env",
    ...Object.entries({ ...variables, ...env }).map(([k, v]) => `${k}=${v}`),
    process.execPath,
    "--disable-warning=ExperimentalWarning",
    new URL("../src/main.ts", import.meta.url).pathname,
  ];
  const child = spawn("bash", ["-c", shell, "bash", ...command], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const closed = once(child, "close");
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (data: Buffer) => (output += data.toString()));
  async function kill(signal: NodeJS.Signals = "SIGKILL") {
    child.kill(signal);
    await closed;
  }
  return { child, output: () => output, kill, [Symbol.asyncDispose]: kill };
}

/** Waits until the logger's own log records match. */
export const untilLogged = (
  { output }: LoggerProcess,
  pattern: RegExp,
): Promise<true> =>
  eventually(() => {
    assert.match(output(), pattern);
    return true as const;
  });

/** All lines of a log, its rotated files first. */
export function readLines(dir: string, name: string): string[] {
  return filesOf(dir, name).flatMap((file) =>
    readFileSync(join(dir, file), "utf8").split("\n").slice(0, -1),
  );
}

const generation = (file: string) => Number(file.split(".").at(-2));

/** The files of a log, in the order of their lines. */
export function filesOf(dir: string, name: string): string[] {
  const found = readdirSync(dir).filter((file) =>
    new RegExp(`^${name}\\.(.+\\.)?log$`).test(file),
  );
  const current = `${name}.log`;
  const rotated = found.filter((file) => file !== current);
  rotated.sort((a, b) => generation(a) - generation(b));
  return found.includes(current) ? [...rotated, current] : rotated;
}

export const idOfLine = (line: string): string =>
  /task_id=(\S+)/.exec(line)?.[1] ?? line;

/** Waits until the log has a line for the last of these tasks, and no fewer lines than tasks. */
export const untilWritten = (
  dir: string,
  ids: readonly string[],
): Promise<string[]> =>
  eventually(
    () => {
      const lines = readLines(dir, "llm_requests");
      const seen = new Set(lines.map(idOfLine));
      return ids.every((id) => seen.has(id)) && lines;
    },
    { everyMs: 50 },
  );

/**
 * Waits until a logger announces a checkpoint at or behind this sequence of the events. Only then is what the logger
 * wrote its own after a kill: a line stands in its file a moment before the checkpoint of it is committed.
 */
export async function untilCommitted(
  broker: Broker,
  seq: number,
): Promise<void> {
  let committed = 0;
  using _ = hearProjections(broker, (heard) => (committed = heard.seq));
  await eventually(() => committed >= seq);
}
