/**
 * The life of a service's process: starting → started → stopping → exit.
 *
 * Exit codes: 0 stopped as asked; 1 failed, or stopped by force; {@link configExitCode} the configuration is wrong.
 */
import type { Tracing } from "@jetscribe/otel/port";
import { fastPaths } from "@jetscribe/event-log/fast/fastPaths";
import { setV8Flags } from "@jetscribe/event-log/fast/v8Flags";
import { setTimeout as sleep } from "node:timers/promises";
import * as z from "zod";
import {
  ConfigError,
  configExitCode,
  duration,
  readConfig,
  type Env,
} from "./config.ts";
import {
  metricsAddress,
  type MetricsAddress,
} from "./metrics/metricsAddress.ts";
import {
  LogFormat,
  LogLevel,
  makeLogger,
  type Logger,
  type LogSink,
} from "./logger.ts";
import { loadTracing } from "./tracing/loadTracing.ts";

export interface ServiceContext {
  env: Env;
  /** What is opened goes here; it is closed in reverse order. */
  stack: AsyncDisposableStack;
  /** Aborts when the service is to stop, before the stack is disposed. */
  stopping: AbortSignal;
  log: Logger;
  /** Absent: the environment asks for no traces. */
  tracing?: Tracing | undefined;
  attachLog: (sink: LogSink) => void;
  /** At METRICS_PORT stands this too: in the OpenMetrics format, without the line that ends it. */
  showMetrics: (text: () => Promise<string>) => void;
  /** Gives up, as an uncaught error does. */
  fail: (error: unknown) => void;
}

interface ServiceOptions {
  env: Env;
  /** How long running work may take to finish; DRAIN_TIMEOUT where absent. */
  drainTimeoutMs?: number;
  /** Its event loop has time to spare; see `setV8Flags`. */
  hasTime?: boolean;
}

const Settings = z.object({
  LOG_LEVEL: LogLevel.default("info"),
  LOG_FORMAT: LogFormat.default("text"),
  DRAIN_TIMEOUT: duration("30s"),
  /** Read by event-log's `fastPaths.ts`; any other word is refused here. */
  FAST_PATHS: z.enum(["on", "off"]).default("on"),
  METRICS_PORT: metricsAddress().optional(),
});

/** Closing may take so much longer than draining. */
const closeTimeoutMs = 10_000;
/** What a failed service may take to close. */
const failTimeoutMs = 2_000;
/** npm passes on a signal that the terminal gave us too: within this time it is the same one. */
const sameSignalMs = 1_000;

/** Runs a service until it is told to stop, then exits. `main` opens things and resolves once they run. */
export async function runService(
  service: string,
  main: (context: ServiceContext) => Promise<void>,
  { env, drainTimeoutMs, hasTime = false }: ServiceOptions,
): Promise<never> {
  if (fastPaths) setV8Flags({ hasTime });
  const settings = readSettings(service, env);
  const { LOG_LEVEL: level, LOG_FORMAT: format } = settings;
  const { log, attach } = makeLogger({ service, level, format });
  const stack = new AsyncDisposableStack();
  const stop = new AbortController();
  const stopping = stop.signal;
  const failed = Promise.withResolvers<void>();
  const shown: (() => Promise<string>)[] = [];

  function fail(error: unknown): void {
    if (error instanceof ConfigError) printProblems(service, error);
    else log.fatal({ err: error }, "service failed");
    process.exitCode ||= error instanceof ConfigError ? configExitCode : 1;
    failed.resolve();
    stop.abort();
  }
  async function start(): Promise<void> {
    try {
      if (settings.METRICS_PORT)
        stack.use(await serve(settings.METRICS_PORT, shown));
      const tracing = await loadTracing(service, env, log);
      // Opened first, so what the rest says while it closes is exported too.
      if (tracing) stack.defer(() => tracing.shutdown());
      const showMetrics = (text: () => Promise<string>) =>
        void shown.push(text);
      const context = { env, stack, stopping, log, attachLog: attach, fail };
      await main({ ...context, showMetrics, tracing });
      if (!stopping.aborted) log.info("started");
    } catch (error) {
      if (stopping.aborted) log.info({ err: error }, "start broken off");
      else fail(error);
    }
  }

  process.on("uncaughtException", fail).on("unhandledRejection", fail);
  stopOnSignal(log, () => stop.abort());
  if (env["JETSCRIBE_SUPERVISED"] === "1")
    stopWithStdin(log, () => stop.abort());
  const aborted = new Promise((resolve) =>
    stopping.addEventListener("abort", resolve),
  );
  setInterval(() => {}, 2 ** 31 - 1); // a service that has nothing open still runs until it is told to stop
  void start();

  await aborted;
  const drainMs = drainTimeoutMs ?? settings.DRAIN_TIMEOUT;
  await Promise.race([
    close(stack, log),
    deadline(log, drainMs + closeTimeoutMs),
    failed.promise.then(() => sleep(failTimeoutMs)),
  ]);
  process.exit();
}

/** Loaded where it is asked for only. */
async function serve(
  address: MetricsAddress,
  shown: readonly (() => Promise<string>)[],
): Promise<AsyncDisposable> {
  const { serveMetrics } = await import("./metrics/serveMetrics.ts");
  return await serveMetrics(address, shown);
}

function readSettings(service: string, env: Env): z.infer<typeof Settings> {
  try {
    return readConfig(Settings, env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    printProblems(service, error);
    process.exit(configExitCode);
  }
}

function printProblems(service: string, error: ConfigError): void {
  process.stderr.write(`${service}: ${error.message}\n`);
}

/** The first signal stops; a second one exits at once. */
function stopOnSignal(log: Logger, stop: () => void): void {
  let first: { signal: NodeJS.Signals; atMs: number } | undefined;
  function onSignal(signal: NodeJS.Signals): void {
    const nowMs = performance.now();
    if (first === undefined) {
      first = { signal, atMs: nowMs };
      log.info({ signal }, "stopping");
      stop();
    } else if (signal !== first.signal || nowMs - first.atMs > sameSignalMs) {
      log.warn({ signal }, "stopped by force");
      process.exit(1);
    }
  }
  process.on("SIGTERM", onSignal).on("SIGINT", onSignal);
}

/** The supervisor holds the other end of stdin: it ends when the supervisor wants us to stop, and however it dies. */
function stopWithStdin(log: Logger, stop: () => void): void {
  process.stdin
    .on("error", stop)
    .once("end", () => {
      log.info("stopping: the supervisor is gone");
      stop();
    })
    .resume();
}

/** Closes what is open. An error closes the rest all the same, and shows in the exit code. */
async function close(stack: AsyncDisposableStack, log: Logger): Promise<void> {
  try {
    await stack.disposeAsync();
    log.info("stopped");
  } catch (error) {
    for (const err of unsuppressed(error)) log.error({ err }, "closing failed");
    process.exitCode ||= 1;
  }
}

/** The errors that several disposals left, in the order in which they happened. */
function unsuppressed(error: unknown): unknown[] {
  return error instanceof SuppressedError
    ? [...unsuppressed(error.suppressed), error.error]
    : [error];
}

async function deadline(log: Logger, ms: number): Promise<void> {
  await sleep(ms);
  log.error({ ms }, "closing took too long");
  process.exitCode ||= 1;
}
