import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished, test } from "vitest";
import { followSubscribers } from "./followSubscribers.ts";
import { subscribersFileOf, writeSubscribers } from "./ownAccounts.ts";

test("a change right after the call is told, and so is each one after it", async () => {
  const dataDir = mkdtempSync(join(tmpdir(), "jetscribe-follow-"));
  onTestFinished(() => rmSync(dataDir, { recursive: true }));
  const stopping = new AbortController();
  onTestFinished(() => stopping.abort());
  let told = Promise.withResolvers<void>();
  followSubscribers(dataDir, stopping.signal, () => told.resolve(), 5);
  for (const change of [
    () => writeSubscribers(dataDir, []),
    () => writeSubscribers(dataDir, []),
    () => rmSync(subscribersFileOf(dataDir)),
  ]) {
    told = Promise.withResolvers<void>();
    change();
    await told.promise;
  }
});
