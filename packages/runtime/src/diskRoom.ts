import type { DiskRoom } from "@jetscribe/schema";
import { statfs } from "node:fs/promises";

/** What is free is told in steps of this share of the disk, so that it does not change at every look. */
const steps = 1_000;

/**
 * Room on the disk of a folder, in bytes, as of the call before: a file system may be slow, and nobody waits for it.
 * Undefined: not known.
 */
export function makeDiskRoom(dir: string): () => DiskRoom | undefined {
  let room: DiskRoom | undefined;
  let isAsking = false;
  async function look(): Promise<void> {
    isAsking = true;
    room = await diskRoom(dir).catch(() => undefined);
    isAsking = false;
  }
  return () => {
    if (!isAsking) void look();
    return room;
  };
}

/** Rejects where there is no such folder. */
export async function diskRoom(dir: string): Promise<DiskRoom | undefined> {
  const { bavail, blocks, bsize } = await statfs(dir);
  const total = blocks * bsize;
  if (total <= 0) return undefined;
  const step = total / steps;
  return {
    free: Math.floor(Math.floor((bavail * bsize) / step) * step),
    total,
  };
}
