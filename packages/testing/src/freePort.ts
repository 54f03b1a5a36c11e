import { makeFreePort } from "../../../scripts/system/freePort.ts";

/** Below the ports that `npm start` chooses, so that a system that a test starts takes none that the test was given. */
const lowestPort = 11_000;
const rowLength = 1_500;
/** One for each process of tests that runs at a time (`maxWorkers` of vitest.config.ts), and one for what runs without vitest. */
const rows = 6;

/** vitest numbers the processes that run at a time, from 1; what they start inherits the number. */
export function rowOf(poolId = "0"): { lowest: number; count: number } {
  const row = Number(poolId) % rows;
  return { lowest: lowestPort + row * rowLength, count: rowLength };
}

const { lowest, count } = rowOf(process.env["VITEST_POOL_ID"]);

/** A free port on loopback that stays free until it is used: tests in other processes are given none of this row. */
export const freePort = makeFreePort(lowest, count);
