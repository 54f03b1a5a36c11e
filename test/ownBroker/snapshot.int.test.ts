/**
 * The way of streams into an account of another server: the requests of the JetStream API that `nats stream backup` and
 * `nats stream restore` make.
 */
import type { Broker } from "@jetscribe/event-log/broker/connection";
import { makeNames } from "@jetscribe/schema";
import { natsVersions } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { test } from "vitest";
import { prepareOwnBroker } from "../../scripts/system/ownBroker.ts";
import {
  ask,
  everythingOf,
  fill,
  newFolder,
  withBroker,
} from "./filledBroker.ts";

const allStreams = Object.values(makeNames().streams);

for (const version of await natsVersions())
  test(`a backup that is restored into an account has everything as it was (${version})`, async () => {
    const [before, backups] = await withBroker(
      { dataDir: newFolder(), version },
      async (broker) => {
        await fill(broker);
        const backups: Backup[] = [];
        for (const stream of allStreams)
          backups.push(await backUp(broker, stream));
        return [await everythingOf(broker), backups] as const;
      },
    );
    const dataDir = newFolder();
    prepareOwnBroker(dataDir, undefined);
    const after = await withBroker(
      { dataDir, version, role: "operator" },
      async (broker) => {
        for (const backup of backups) await restore(broker, backup);
        return await everythingOf(broker);
      },
    );
    assert.deepEqual(after, before);
  });

interface Backup {
  stream: string;
  /** As the server described it. */
  facts: object;
  chunks: Uint8Array[];
}

async function backUp(broker: Broker, stream: string): Promise<Backup> {
  const chunks: Uint8Array[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  const inbox = broker.createInbox();
  const subscription = broker.nc.subscribe(inbox, {
    callback: (_error, message) => {
      if (message.data.length === 0) return resolve();
      chunks.push(Uint8Array.from(message.data));
      message.respond();
    },
  });
  const { config, state } = await call(broker, `SNAPSHOT.${stream}`, {
    deliver_subject: inbox,
  });
  await promise;
  subscription.unsubscribe();
  return { stream, facts: { config, state }, chunks };
}

async function restore(
  broker: Broker,
  { stream, facts, chunks }: Backup,
): Promise<void> {
  const { deliver_subject } = await call(broker, `RESTORE.${stream}`, facts);
  for (const chunk of [...chunks, new Uint8Array()]) {
    const answer = await ask(broker, String(deliver_subject), chunk);
    assert.ok(!answer.string().includes("error"), answer.string());
  }
}

async function call(broker: Broker, question: string, body: object) {
  const subject = `$JS.API.STREAM.${question}`;
  const answer = await ask(broker, subject, JSON.stringify(body));
  const { error, ...rest } = answer.json<Record<string, unknown>>();
  assert.equal(error, undefined);
  return rest;
}
