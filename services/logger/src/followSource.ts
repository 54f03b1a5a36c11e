/**
 * Follows a stream into its files. Whatever goes wrong, a full disk or a lost broker, leads to `resume`: it cuts the
 * files back to the newest mark whose message is still in the log, and goes on from there. Nothing is synced to the
 * disk: where a power failure took lines that were committed, an older mark fits.
 */
import type { Broker } from "@jetscribe/event-log/broker/connection";
import type { Delivery } from "@jetscribe/event-log/read/pull";
import { followStream, type Gather } from "@jetscribe/event-log/read/readLog";
import {
  compareCheckpoint,
  messageAt,
  streamState,
  type StreamState,
} from "@jetscribe/event-log/broker/streamState";
import type { Logger } from "@jetscribe/runtime";
import type { Checkpoint, Mark } from "./checkpoint.ts";
import { start } from "./logFile.ts";
import type { Source } from "./sources.ts";

export interface FollowOptions {
  checkpoint: Checkpoint;
  log: Logger;
  /** `seq`: the checkpoint's. */
  onProgress: (seq: number, caughtUp: boolean) => void;
  onError: (error: unknown) => void;
  /** The folder for the files that are set aside now. */
  asideFolder: () => string;
}

/** So that commits stay few, and a short task is one: nobody waits for a line. */
const gather: Gather = { ms: 50, until: () => false };

export async function followSource(
  broker: Broker,
  source: Source,
  options: FollowOptions,
  signal: AbortSignal,
): Promise<void> {
  const { checkpoint, log, onProgress } = options;
  const { stream, filter } = source;
  const blank: Mark = { seq: 0, id: "", created: "", files: {} };
  let mark = blank;
  /** Files that are built again have lines, and spans, of long ago. */
  let rebuilding = false;
  /** It is not logged again every second. */
  let lastError = "";

  async function resume(): Promise<number> {
    const state = await streamState(broker, stream);
    mark = (await findMark(broker, source, options, state)) ?? {
      ...blank,
      created: state.created,
    };
    if (mark.seq < state.firstSeq - 1)
      log.warn(
        { stream, from: mark.seq + 1, to: state.firstSeq - 1 },
        "the log begins behind the checkpoint: what is missing has no line",
      );
    rebuilding = mark.seq === 0 && state.lastSeq > 0;
    onProgress(mark.seq, mark.seq >= state.lastSeq);
    return mark.seq + 1;
  }

  /** What stands behind the mark may be nothing that is read. */
  function onBegin(pending: number): void {
    if (pending === 0) onProgress(mark.seq, true);
  }

  function onBatch(messages: Delivery[]): void {
    const last = messages.at(-1);
    if (last === undefined) return;
    const began = performance.now();
    const changed = source.write(messages);
    const files = Object.fromEntries(
      source.files.map(({ name, position }) => [name, position]),
    );
    const next = { ...mark, seq: last.seq, id: source.idOf(last), files };
    checkpoint.commit(source, next, {
      time: last.time,
      changed,
      from: mark.seq,
    });
    mark = next;
    for (const file of source.files) file.prune();
    const caughtUp = last.pending === 0;
    if (!rebuilding) source.traces?.(messages, began);
    if (caughtUp) rebuilding = false;
    onProgress(mark.seq, caughtUp);
    if (caughtUp && lastError !== "") {
      log.info({ stream }, "the files are written again");
      lastError = "";
    }
  }

  function onInterruption(error: unknown): void {
    options.onError(error);
    const now = error instanceof Error ? error.message : String(error);
    if (now !== lastError)
      log.warn({ stream, err: error }, "interrupted: the files stand still");
    lastError = now;
  }

  const following = {
    stream,
    ...(filter && { filter }),
    gather,
    resume,
    onBegin,
    onBatch,
    onInterruption,
  };
  await followStream(broker, following, signal);
}

/** Brings the files back to the newest mark that still holds; undefined: to their beginning. */
async function findMark(
  broker: Broker,
  source: Source,
  options: FollowOptions,
  state: StreamState,
): Promise<Mark | undefined> {
  const { checkpoint, log } = options;
  const { stream, files } = source;
  const idAt = async (seq: number) => {
    const message = await messageAt(broker, stream, seq);
    return message && source.idOf(message);
  };
  const marks = checkpoint.marks(stream);
  const [newest] = marks;
  for (const mark of marks) {
    // What is gone from the log's beginning, or erased, proves nothing.
    if ((await compareCheckpoint(mark, state, idAt)) === "lost_tail") continue;
    const restored = files.every((file) =>
      file.restore(
        mark.files[file.name] ?? start,
        newest?.files[file.name] ?? start,
      ),
    );
    if (!restored) continue;
    if (mark === newest) return mark;
    checkpoint.cutBack(source, mark.seq);
    log.warn(
      { stream, from: mark.seq + 1, to: newest?.seq },
      "the log lost its end, or the files theirs: they were cut back",
    );
    return mark;
  }
  setAside(source, options, newest !== undefined);
  return undefined;
}

/** Starts afresh; `expected`: there should be lines already. */
function setAside(
  source: Source,
  { checkpoint, log, asideFolder }: FollowOptions,
  expected: boolean,
): void {
  const { stream, files } = source;
  const folder = asideFolder();
  const found = files.filter((file) => file.setAside(folder)).length > 0;
  checkpoint.cutBack(source, 0);
  for (const file of files) file.restore(start, start);
  if (found)
    log.warn(
      { stream, folder },
      "the files don't fit the log: they were set aside, and are built again",
    );
  else if (expected)
    log.warn({ stream }, "the files are gone: they are built again");
}
