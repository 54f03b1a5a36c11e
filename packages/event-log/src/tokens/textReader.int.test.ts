import { newTaskId, streams, type TokenChunk } from "@jetscribe/schema";
import { natsVersions } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { describe, test } from "vitest";
import { openLog, openTokenLog, settings } from "../../test/eventLogTestKit.ts";
import { makeReadText } from "./textReader.ts";
import { readTokens } from "./tokens.ts";
import { ensureTopology } from "../streams/topology.ts";

const chunk = (n: number, text: string): TokenChunk => ({
  ...{ worker_id: "w", attempt: 1, n, offset: 2 * (n - 1), text },
  ...{ completion_tokens: n, prompt_tokens: 5 },
});
const { signal } = new AbortController();

for (const version of await natsVersions())
  describe(`stored text, the ${version} nats-server`, () => {
    test("each of many readers at once has all chunks of its own task, in order", async () => {
      await using log = await openLog(version);
      using tokens = openTokenLog(log.broker);
      const ids = Array.from({ length: 300 }, newTaskId);
      const seqs = new Map<string, number>();
      for (let n = 1; n <= 5; n++)
        await Promise.all(
          ids.map(async (id, i) => {
            const next = chunk(n, `${i % 10}.`);
            const put = await tokens.put(id, next, seqs.get(id) ?? 0);
            assert.ok(put.kind === "stored");
            seqs.set(id, put.seq);
          }),
        );
      const asked = [...ids, newTaskId(), ...ids.slice(-2)];
      const readText = makeReadText(log.broker);
      const read = await Promise.all(asked.map((id) => readText(id, signal)));
      for (const [i, id] of asked.entries())
        if (i % 30 === 0 || i >= 299)
          assert.deepEqual(read[i], await readTokens(log.broker, id, signal));
      for (const [i, chunks] of read.entries())
        assert.equal(chunks.length, i === 300 ? 0 : 5);
    });

    test("who gives up hears so at once; what can't be read is told to all, and the next ones read again", async () => {
      await using log = await openLog(version);
      using tokens = openTokenLog(log.broker);
      const id = newTaskId();
      const readText = makeReadText(log.broker);
      await log.nats.kill("SIGSTOP");
      const gone = new AbortController();
      const many = () =>
        Promise.allSettled(
          Array.from({ length: 150 }, () => readText(id, signal)),
        );
      const patient = many();
      const impatient = readText(id, gone.signal);
      gone.abort(new Error("gone"));
      await assert.rejects(impatient, /gone/);
      await log.nats.kill("SIGCONT");
      assert.ok((await patient).every(({ status }) => status === "fulfilled"));

      await log.broker.jsm.streams.delete(streams.tokens);
      const failed = await many();
      assert.ok(failed.every(({ status }) => status === "rejected"));
      await ensureTopology(log.broker, settings);
      await tokens.put(id, chunk(1, "a."), 0);
      for (const one of await many())
        assert.ok(one.status === "fulfilled" && one.value.length === 1);
    });
  });
