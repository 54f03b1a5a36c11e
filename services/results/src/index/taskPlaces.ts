/** Where each task's events stand in the log: what is in the index's file, and what came since, in memory. */
import type { Delivery } from "@jetscribe/event-log/read/pull";
import { openIndexFile, type Position } from "./indexFile.ts";

/** Events gather in memory for so long, or until there are so many tasks: most tasks then need one insert. */
const flushEveryMs = 1_000;
const maxInMemory = 2_048;

export type TaskPlaces = ReturnType<typeof openTaskPlaces>;

/** Opens a file in this folder. It throws, here and later, where the file can't be read or written. */
export function openTaskPlaces(dir: string) {
  const file = openIndexFile(dir);
  const inMemory = new Map<string, number[]>();
  let position = file.position();
  let flushedAt = performance.now();
  /** Where the log begins, while rows from before it may be there. */
  let removingBefore: number | undefined;

  function flush(): void {
    if (position === undefined) return;
    const { size } = inMemory;
    file.add(inMemory, position);
    inMemory.clear();
    flushedAt = performance.now();
    if (removingBefore === undefined) return;
    // A few rows for each that came, so that it takes no long time at once.
    if (!file.removeBefore(removingBefore, 2 * size + 1))
      removingBefore = undefined;
  }

  return {
    position: () => position,
    seqsOf: (taskId: string): number[] => [
      ...file.seqsOf(taskId),
      ...(inMemory.get(taskId) ?? []),
    ],
    /** Takes in messages of the log, in order. */
    take(messages: readonly Delivery[]): void {
      let id = "";
      for (const message of messages) {
        id = message.header("Nats-Msg-Id");
        const taskId = id.slice(0, id.indexOf("."));
        const seqs = inMemory.get(taskId);
        if (seqs === undefined) inMemory.set(taskId, [message.seq]);
        else seqs.push(message.seq);
      }
      const seq = messages.at(-1)?.seq;
      if (position === undefined || seq === undefined) return;
      position = { ...position, seq, id };
      const isDue = performance.now() - flushedAt >= flushEveryMs;
      if (isDue || inMemory.size >= maxInMemory) flush();
    },
    /** Goes on from another place, where there is nothing in between. */
    moveTo: (next: Position) => void (position = next),
    /** Forgets everything, and begins from there. */
    restart(next: Position): void {
      inMemory.clear();
      file.restart(next);
      position = next;
    },
    /** The log begins there: what came before it goes, bit by bit. */
    removeBefore: (firstSeq: number) => void (removingBefore = firstSeq),
    flush,
    /** Where the error says that the file can't be read, it is removed when it is closed. Returns whether that is so. */
    discardIfCorrupt: (error: unknown) => file.discardIfCorrupt(error),
    /** Closes the file without what is only in memory. */
    [Symbol.dispose]: () => file[Symbol.dispose](),
  };
}
