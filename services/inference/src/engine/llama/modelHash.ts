/**
 * The sha256 of a model's file, which stands in every result. Hashing tens of gigabytes takes a minute, so it is
 * kept by path, size and time of change, and computed in a thread of its own beside the loading.
 */
import { createHash } from "node:crypto";
import { closeSync, openSync, readSync, statSync } from "node:fs";
import { join } from "node:path";
import {
  isMainThread,
  parentPort,
  Worker,
  workerData,
} from "node:worker_threads";
import * as z from "zod";
import { openFacts } from "./facts.ts";

const Known = z.object({
  size: z.number(),
  mtimeMs: z.number(),
  sha256: z.string(),
});

/** Below this a thread takes longer to start than the hash to compute. */
const inThreadFrom = 64 * 2 ** 20;

/** The hash in hex. `dataDir` keeps the known ones, in `model-hashes.json`. */
export async function modelHash(
  path: string,
  dataDir: string,
): Promise<string> {
  const facts = openFacts(join(dataDir, "model-hashes.json"), Known);
  const { size, mtimeMs } = statSync(path);
  const known = facts.get(path);
  if (known?.size === size && known.mtimeMs === mtimeMs) return known.sha256;
  const sha256 =
    size < inThreadFrom ? hashFile(path) : await hashInThread(path);
  facts.set(path, { size, mtimeMs, sha256 });
  return sha256;
}

function hashFile(path: string): string {
  const hash = createHash("sha256");
  const buffer = Buffer.allocUnsafe(4 * 2 ** 20);
  const fd = openSync(path, "r");
  try {
    for (let n; (n = readSync(fd, buffer)) > 0;)
      hash.update(buffer.subarray(0, n));
  } finally {
    closeSync(fd);
  }
  return hash.digest("hex");
}

/** In a thread, and not by asynchronous reads: those wait in the same pool as the loading (see forkEngine.ts). */
async function hashInThread(path: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const worker = new Worker(new URL(import.meta.url), { workerData: { path } });
  worker.once("message", resolve);
  worker.once("error", reject);
  return await promise;
}

if (!isMainThread && parentPort !== null) {
  const { path } = z.object({ path: z.string() }).parse(workerData);
  parentPort.postMessage(hashFile(path));
}
