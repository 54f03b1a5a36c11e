/** Writes the log files as long as it may: one process at a time does, the others stand by. */
import type { Broker } from "@jetscribe/event-log/broker/connection";
import { announceProjection } from "@jetscribe/event-log/signals/signals";
import { makeTraceProjection, type ServiceContext } from "@jetscribe/runtime";
import { makeDiskRoom } from "@jetscribe/runtime/diskRoom";
import {
  announceEveryMs,
  type ProjectionAnnouncement,
} from "@jetscribe/schema";
import { randomUUID } from "node:crypto";
import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { openCheckpoint, type Checkpoint } from "./checkpoint.ts";
import type { Config } from "./config.ts";
import { followSource, type FollowOptions } from "./followSource.ts";
import { eventSource, recordSource, type Source } from "./sources.ts";

const retryMs = 1_000;

/** Resolves when `stopping` has aborted and all is closed. */
export async function keepLogFiles(
  broker: Broker,
  config: Config,
  { log, tracing }: Pick<ServiceContext, "log" | "tracing">,
  stopping: AbortSignal,
): Promise<void> {
  const instance = randomUUID();
  const disk = makeDiskRoom(config.LOG_DIR);
  const say: Say = (how) =>
    announceProjection(broker, {
      name: "logger",
      instance,
      leading: true,
      disk: disk(),
      ...how,
    });
  const onStandby = () => log.info("standing by: another logger has the files");
  /** It is not logged again every second. */
  let lastError = "";
  while (!stopping.aborted) {
    try {
      using checkpoint = await openCheckpoint(config.LOG_DIR, {
        signal: stopping,
        onStandby,
      });
      lastError = "";
      log.info({ dir: config.LOG_DIR }, "writing the log files");
      await lead(broker, config, { checkpoint, say, log, tracing }, stopping);
    } catch (error) {
      if (stopping.aborted) return;
      const now = error instanceof Error ? error.message : String(error);
      if (now !== lastError)
        log.error({ err: error }, "the log files can't be opened");
      lastError = now;
      const why = `LOG_DIR can't be written: ${now}`;
      say({ seq: 0, caught_up: false, error: why });
      await sleep(retryMs, undefined, { signal: stopping }).catch(
        () => undefined,
      );
    }
  }
}

type Say = (
  how: Pick<ProjectionAnnouncement, "seq" | "caught_up" | "error">,
) => void;

/** Resolves when `stopping` aborts, or when the files have to be opened afresh. */
async function lead(
  broker: Broker,
  config: Config,
  {
    checkpoint,
    say,
    log,
    tracing,
  }: Pick<ServiceContext, "log" | "tracing"> & {
    checkpoint: Checkpoint;
    say: Say;
  },
  stopping: AbortSignal,
): Promise<void> {
  const broken = new AbortController();
  const signal = AbortSignal.any([stopping, broken.signal]);
  using opened = new DisposableStack();
  const { events: stream } = broker.streams;
  const events = {
    ...eventSource(broker, checkpoint, config, log),
    traces:
      tracing && makeTraceProjection(tracing, { service: "logger", stream }),
  };
  const records = recordSource(broker, checkpoint, config);
  const files = [...events.files, ...records.files];
  for (const file of files) opened.use(file);

  let progress: Parameters<Say>[0] | undefined;
  const tick = setInterval(() => {
    if (progress !== undefined) say(progress);
    if (checkpoint.intact && files.every(({ intact }) => intact)) return;
    log.warn("log files were removed or cut: they are opened afresh");
    broken.abort();
  }, announceEveryMs);
  opened.defer(() => clearInterval(tick));

  const options = {
    checkpoint,
    log,
    asideFolder: () => asideFolder(config),
    onError(error: unknown) {
      if (checkpoint.discardIfCorrupt(error)) broken.abort();
    },
  };
  const follow = (source: Source, onProgress: FollowOptions["onProgress"]) =>
    followSource(broker, source, { ...options, onProgress }, signal);
  await Promise.all([
    follow(events, (seq, caught_up) => {
      const first = progress === undefined;
      progress = { seq, caught_up };
      if (first) say(progress);
    }),
    follow(records, () => undefined),
  ]);
}

/** Where files go that don't fit the log any more; of the earlier ones as many stay as of rotated files. */
function asideFolder({ LOG_DIR, LOG_KEEP }: Config): string {
  const parent = join(LOG_DIR, "set-aside");
  const earlier = existsSync(parent) ? readdirSync(parent).sort() : [];
  for (const folder of earlier.slice(0, -Math.max(1, LOG_KEEP)))
    rmSync(join(parent, folder), { recursive: true });
  return join(parent, new Date().toISOString().replaceAll(":", "-"));
}
