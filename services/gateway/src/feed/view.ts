/**
 * One view, kept for all pages that show it:
 *
 *   reading ──the state is there──▶ told ──events were missed──▶ reading ──▶ …
 *
 * While it reads, the events that come wait; then those count that are behind what was read.
 */
import type { StoredEvent } from "@jetscribe/event-log/codec/storedEvent";
import { setTimeout as sleep } from "node:timers/promises";
import { makePace } from "./pace.ts";
import { makeReaders, type Frame } from "./readers.ts";

/** What a view shows, and how events change it. */
export interface Content {
  /** Reads the state. Resolves with the sequence that it is as of; rejects with an ApiError. */
  read(): Promise<number>;
  /** Takes in an event behind that; false: it is not the view's. */
  take(event: StoredEvent): boolean;
  snapshot(): Frame;
  /** Tells of what changes without an event, until it is disposed of. */
  watch?: (onChange: () => void) => Disposable;
  onlyDeltas?: boolean;
  /**
   * What happened since the last frame; undefined: nothing that is to be told, "anew": it can't be told but by reading
   * again. `busy`: not the events one by one. Never rejects.
   */
  news(busy: boolean): Promise<Frame | "anew" | undefined>;
}

export type View = ReturnType<typeof openView>;

/** More events than this are not kept while the state is read: it is read again. */
const maxWaiting = 20_000;
/** A state that could not be read, or that has to be read again and again, is read so often. */
const readEveryMs = 1_000;

/** `listening`: resolves once events are heard. */
export function openView(content: Content, listening: () => Promise<void>) {
  const closed = new AbortController();
  const pace = makePace(undefined, content.onlyDeltas);
  const readers = makeReaders(() => content.snapshot());
  /** The events that came while the state is read; undefined: it is there. */
  let waiting: StoredEvent[] | undefined = [];
  /** As of the latest event that was taken in. */
  let seq = 0;
  let readAt = -Infinity;
  let timer: NodeJS.Timeout | undefined;
  /** Something happened since the last news. */
  let isNew = false;
  /** Events were missed while it reads. */
  let again = false;

  function take(event: StoredEvent): void {
    if (event.seq <= seq) return;
    seq = event.seq;
    if (!content.take(event)) return;
    pace.noteEvent();
    schedule();
  }

  function schedule(): void {
    isNew = true;
    if (closed.signal.aborted) return;
    timer ??= setTimeout(() => void tellNews(), pace.dueInMs());
  }

  async function tellNews(): Promise<void> {
    // More events may have come since it was scheduled.
    if (waiting === undefined && pace.dueInMs() === 0) {
      isNew = false;
      pace.noteFrame();
      const frame = await content.news(pace.isBusy());
      if (closed.signal.aborted) return;
      if (frame === "anew") void readAnew();
      else if (frame !== undefined && waiting === undefined)
        readers.tell(frame);
    }
    timer = undefined;
    if (isNew && waiting === undefined) schedule();
  }

  /** Rejects with an ApiError, as `content.read`. */
  async function readState(): Promise<void> {
    readAt = performance.now();
    await listening();
    seq = await content.read();
    const events = waiting ?? [];
    waiting = undefined;
    events.forEach(take);
    if (!again) return;
    again = false;
    void readAnew();
  }

  /** Until it is there. */
  async function readAnew(): Promise<void> {
    if (waiting !== undefined) return;
    waiting = [];
    const { signal } = closed;
    while (!signal.aborted) {
      const dueInMs = readAt + readEveryMs - performance.now();
      try {
        await sleep(Math.max(0, dueInMs), undefined, { signal });
        await readState();
        if (!signal.aborted) readers.tell(content.snapshot());
        return;
      } catch {
        continue;
      }
    }
  }

  const watching = content.watch?.(schedule);

  return {
    /** Resolves when it can be shown; rejects with an ApiError. */
    ready: readState(),
    readers,
    hear(event: StoredEvent): void {
      if (waiting === undefined) return take(event);
      if (waiting.length < maxWaiting) waiting.push(event);
      else again = true;
    },
    missed(): void {
      again = waiting !== undefined;
      void readAnew();
    },
    [Symbol.dispose]() {
      closed.abort();
      watching?.[Symbol.dispose]();
      clearTimeout(timer);
    },
  };
}
