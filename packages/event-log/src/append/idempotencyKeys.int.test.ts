import { eventually, natsVersions } from "@jetscribe/testing";
import { nanos } from "@nats-io/nats-core";
import assert from "node:assert/strict";
import { describe, test } from "vitest";
import { isFrom210 } from "../broker/serverVersion.ts";
import { openLog } from "../../test/eventLogTestKit.ts";
import {
  confirmIdempotencyKey,
  readIdempotencyKey,
  takeIdempotencyKey,
} from "./idempotencyKeys.ts";

const key = { owner: "a", key: "order 17" };
const record = (task_id: string) => ({ task_id, fingerprint: `of ${task_id}` });

for (const version of await natsVersions())
  describe(`idempotency keys, the ${version} nats-server`, () => {
    test("of callers at once one takes the key, and all read its task", async () => {
      await using log = await openLog(version);
      const brokers = await Promise.all(
        Array.from({ length: 4 }, () => log.connect()),
      );
      assert.equal(await readIdempotencyKey(log.broker, key), undefined);
      const taken = await Promise.all(
        Array.from({ length: 40 }, (_, i) =>
          takeIdempotencyKey(
            brokers[i % 4] ?? log.broker,
            key,
            record(`task ${i}`),
          ),
        ),
      );
      const winner = taken.indexOf(true);
      assert.deepEqual(
        taken.filter((isFirst) => isFirst),
        [true],
      );
      for (const broker of brokers)
        assert.deepEqual(
          await readIdempotencyKey(broker, key),
          record(`task ${winner}`),
        );
    });

    test("another owner's key is another key, and no key stands in a subject as it is", async () => {
      await using log = await openLog(version);
      const { jsm, streams } = log.broker;
      const other = { ...key, owner: "b" };
      assert.ok(await takeIdempotencyKey(log.broker, key, record("1")));
      assert.ok(await takeIdempotencyKey(log.broker, other, record("2")));
      assert.ok(!(await takeIdempotencyKey(log.broker, key, record("3"))));
      const { state } = await jsm.streams.info(streams.idempotency, {
        subjects_filter: ">",
      });
      const subjects = Object.keys(state.subjects ?? {});
      assert.equal(subjects.length, 2);
      for (const subject of subjects)
        assert.match(subject, /^llm\.idempotency\.[ab]\.[0-9a-f]{64}$/);
    });

    test("a key that is confirmed stays one message, and the key stays taken", async () => {
      await using log = await openLog(version);
      const { jsm, streams } = log.broker;
      assert.ok(await takeIdempotencyKey(log.broker, key, record("1")));
      confirmIdempotencyKey(log.broker, key, record("1"));
      await eventually(
        async () => (await readIdempotencyKey(log.broker, key))?.stored,
      );
      assert.ok(!(await takeIdempotencyKey(log.broker, key, record("2"))));
      const { state } = await jsm.streams.info(streams.idempotency);
      assert.equal(state.messages, 1);
    });

    test("a full stream refuses new keys (2.9 drops the oldest); an old one is free again", async () => {
      await using log = await openLog(version);
      const { jsm, streams } = log.broker;
      const { config } = await jsm.streams.info(streams.idempotency);
      assert.equal(config.max_age, nanos(86_400_000));
      await jsm.streams.update(streams.idempotency, { max_bytes: 1_000 });
      const take = (i: number) =>
        takeIdempotencyKey(
          log.broker,
          { owner: "a", key: String(i) },
          record(String(i)),
        );
      const fill = async () => {
        for (let i = 0; i < 20; i++) assert.ok(await take(i));
      };
      if (isFrom210(log.broker.serverVersion)) {
        await assert.rejects(fill(), { name: "AppendError", code: "full" });
        assert.ok(!(await take(0)));
      } else {
        await fill();
        assert.ok(!(await take(19)));
        assert.ok(await take(0));
      }
      await jsm.streams.update(streams.idempotency, {
        max_bytes: 10_000,
        max_age: nanos(200),
        duplicate_window: nanos(200),
      });
      await eventually(() => take(0));
    });
  });
