/** Standard output: it waits for its reader, and tells when nobody reads any more. */
import type { Writable } from "node:stream";
import { once } from "node:events";

export interface Output {
  /** Resolves when more can be written. Rejects where nothing can be any more. */
  write(text: string | Uint8Array): Promise<void>;
  /** Columns of the terminal; of a pipe or a file 100. */
  readonly width: number;
  readonly isTerminal: boolean;
  /** Aborted once nothing more can be written: the reader is gone, as behind `| head -3`, or the disk is full. */
  readonly closed: AbortSignal;
}

/** `onFailure`: it can't be written, and not because the reader has gone. */
export function makeOutput(
  stream: Writable & { isTTY?: boolean; columns?: number },
  onFailure: (error: Error) => void,
): Output {
  const closing = new AbortController();
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") onFailure(error);
    closing.abort();
  });
  return {
    async write(text) {
      closing.signal.throwIfAborted();
      if (!stream.write(text))
        await once(stream, "drain", { signal: closing.signal });
    },
    get width() {
      return stream.isTTY === true ? (stream.columns ?? 80) : 100;
    },
    isTerminal: stream.isTTY === true,
    closed: closing.signal,
  };
}
