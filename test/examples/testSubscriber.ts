/** A subscriber of a test, with its seed in a file. */
import { makeUserKey } from "@jetscribe/event-log/accounts/nkeys";
import type { Subscriber } from "@jetscribe/event-log/accounts/subscriber";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";

export interface TestSubscriber {
  subscriber: Subscriber;
  /** What its programs have in their environment. */
  env: { NATS_NKEY_FILE: string };
}

/** It begins with the log's first event. */
export async function makeTestSubscriber(
  folder: string,
  wanted: Pick<Subscriber, "name"> & Partial<Subscriber>,
): Promise<TestSubscriber> {
  const { seed, publicKey } = makeUserKey();
  const file = join(folder, `${wanted.name}.nk`);
  await writeFile(file, `${seed}\n`, { mode: 0o600 });
  const from = "1970-01-01T00:00:00Z";
  const createdAt = new Date().toISOString();
  const subscriber = { noText: false, api: false, from, createdAt, publicKey };
  return {
    subscriber: { ...subscriber, ...wanted },
    env: { NATS_NKEY_FILE: file },
  };
}
