export {
  assertKeepsTasks,
  connectStore,
  EvictingRedis,
  type Store,
  type StoreLog,
} from "./connection.ts";
export {
  makeTaskReader,
  type OpenPlace,
  type TaskReader,
} from "./taskReader.ts";
export type { ActiveQueue, ActiveQueues, Change } from "./activeQueues.ts";
export { meanUsual, placeIn, type Backlog, type Place } from "./place.ts";
export type { LogUse, Milestone, OldestOpen } from "./logUse.ts";
export type { Unfinished } from "./backlog.ts";
export { dayOf } from "./dayTokens.ts";
export { makeTaskWriter, makeTurns, type TaskWriter } from "./taskWriter.ts";
export { readKeyUse, writeKeyUse } from "./keyUse.ts";
export {
  forgetSeenWorkers,
  readSeenWorkers,
  writeSeenWorkers,
} from "./seenWorkers.ts";
export { hearDone } from "./done.ts";
export {
  makeRateLimiter,
  type RateLimiter,
  type RateUse,
} from "./rateLimiter.ts";
export {
  findUnprefixed,
  hasUnprefixed,
  removeUnprefixed,
} from "./unprefixed.ts";
export type { Checkpoint, OpenWork } from "./codec.ts";
export type { Look } from "./look.ts";
