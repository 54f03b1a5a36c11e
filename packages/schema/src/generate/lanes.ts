import type { Lane } from "./events.ts";

/** Of ten tokens, so many are each lane's while tasks wait in both; where one lane has nothing waiting, all are the other's. */
export const laneShares: Readonly<Record<Lane, number>> = {
  interactive: 9,
  batch: 1,
};
