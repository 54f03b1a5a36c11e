import type { Answer } from "./client.ts";
import type { StreamSeen } from "./readStream.ts";
import type { Wanted } from "./requests.ts";

/** One call, and everything that its caller saw of the task. */
export interface Told extends Wanted {
  /** The one that accepted it, or the last one. */
  answer: Answer;
  /** Every answer to a call with an Idempotency-Key. */
  repeats?: Answer[];
  /** Answers to another request with the same key, which came after the first one was accepted. */
  others?: Answer[];
  /** Its batch was cancelled by a filter. */
  swept?: Sweep;
  /** Then what was cancelled of it was run again by a filter. */
  ranAgain?: boolean;
  /** The task that it repeats. */
  retryOf?: string;
  /** Of a 202. */
  taskId: string | undefined;
  cancels: Answer[];
  /** Answers of `GET /result` on the way. */
  results: (Answer & {
    /** The call was to wait for so long, in s. */
    waitS?: number;
  })[];
  stream?: StreamSeen;
  /** What other owners were told of the task. */
  strangers?: { path: string; answer: Answer }[];
  /** Nothing was done to the system while it was called and ran. */
  calm?: boolean;
  /** The broker's folder was put back to a copy without it. */
  lost?: boolean;
}

/** What a cancel by filter did, in all its calls together. */
export interface Sweep {
  /** Tasks that it says it cancelled. */
  cancelled: number;
  /** A call of it was not answered: it may have cancelled more. */
  unsure: boolean;
  /** When it was through; undefined: it gave up before. */
  doneAt: number | undefined;
}
