import type { ApiKey } from "../keys/apiKeys.ts";

/** Whose call it is, and when nobody waits for its answer any more, which is asked only by a call that waits. */
export interface Call {
  key: ApiKey;
  /** Aborts when the caller is gone, or its key ends. */
  over: () => AbortSignal;
}
