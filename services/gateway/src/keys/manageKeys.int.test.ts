import { streamState } from "@jetscribe/event-log/broker/streamState";
import { openLog } from "@jetscribe/event-log/test/eventLogTestKit";
import { Scope, type CreatedKeyResponse } from "@jetscribe/schema";
import { natsVersions } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { test } from "vitest";
import { makeManageKeys } from "./manageKeys.ts";
import { watchKeys } from "./watchKeys.ts";

for (const version of await natsVersions())
  test(`a full KEYS takes the revocation of each key, the ${version} nats-server`, async () => {
    await using log = await openLog(version);
    const { broker } = log;
    const { keys: stream } = broker.streams;
    await broker.jsm.streams.update(stream, { max_bytes: 30_000 });
    const ring = { set: () => undefined };
    await using watched = watchKeys(broker, ring, { warn: () => undefined });
    const keys = makeManageKeys({
      ...{ broker, watched, fromSettings: [] },
      clock: { nowS: () => Date.now() / 1_000 },
      use: { read: () => Promise.resolve(new Map()) },
    });
    // As long as an administrator's name may be.
    const by = `env:${"a".repeat(64)}`;

    const scopes = [...Scope.options];
    const made: CreatedKeyResponse[] = [];
    const fill = async (add: (i: number) => Promise<unknown>) => {
      for (let i = 0; i < 100; i++) await add(i);
    };
    const make = (name: string) =>
      keys.create({ name, scopes, rotate: false }, by);
    const isFull = { code: "unavailable", message: /full/ };
    await assert.rejects(
      fill(async (i) => made.push(await make(`key ${i}`))),
      isFull,
    );
    await assert.rejects(
      fill(() => keys.change(made[0]!.id, { scopes }, by)),
      isFull,
    );
    assert.ok(made.length >= 10, `${made.length} keys`);

    const { bytes: before } = await streamState(broker, stream);
    for (const { id } of made)
      assert.equal((await keys.revoke(id, by)).status, "revoked");
    const { bytes: after, maxBytes } = await streamState(broker, stream);
    assert.ok(after <= maxBytes);
    const each = (after - before) / made.length;
    assert.ok(each > 500 && each < 1_200, `a revocation takes ${each} bytes`);
    // What the keys needed for their revocations is room again.
    await make("another");
  });
