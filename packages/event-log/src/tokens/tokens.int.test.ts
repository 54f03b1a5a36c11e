import {
  newTaskId,
  streams,
  subjects,
  type TokenChunk,
} from "@jetscribe/schema";
import { eventually, natsVersions } from "@jetscribe/testing";
import { DiscardPolicy } from "@nats-io/jetstream";
import assert from "node:assert/strict";
import { describe, test } from "vitest";
import { subscribed } from "../signals/signals.ts";
import { openLog, openTokenLog } from "../../test/eventLogTestKit.ts";
import {
  hearTokens,
  lastToken,
  lastTokenOfAnyCopy,
  makeTokenLog,
  readTokens,
  type PutChunk,
  type StoredChunk,
} from "./tokens.ts";

const chunk = (n: number, text = `${n} `, worker_id = "w1"): TokenChunk => ({
  ...{ worker_id, attempt: 1, n, offset: 2 * (n - 1), text },
  ...{ completion_tokens: n, prompt_tokens: 5 },
});
const { signal } = new AbortController();

const withoutTime = ({ seq, chunk }: StoredChunk) => ({ seq, chunk });

const seqOf = (put: PutChunk): number => {
  assert.equal(put.kind, "stored");
  return put.kind === "stored" ? put.seq : 0;
};

for (const version of await natsVersions())
  describe(`tokens, the ${version} nats-server`, () => {
    test("are read back in order, of one task only, from any sequence on", async () => {
      await using log = await openLog(version);
      using tokens = openTokenLog(log.broker);
      const [a, b] = [newTaskId(), newTaskId()];
      assert.deepEqual(await readTokens(log.broker, a, signal), []);
      assert.equal(await lastToken(log.broker, a), undefined);
      assert.equal(await lastTokenOfAnyCopy(log.broker, a), undefined);
      const stored: { seq: number; chunk: TokenChunk }[] = [];
      for (let n = 1; n <= 700; n++) {
        const put = await tokens.put(a, chunk(n), stored.at(-1)?.seq ?? 0);
        stored.push({ seq: seqOf(put), chunk: chunk(n) });
        if (n === 3) seqOf(await tokens.put(b, chunk(1, "für 😀"), 0));
      }
      const all = await readTokens(log.broker, a, signal);
      assert.deepEqual(all.map(withoutTime), stored);
      const last = await lastToken(log.broker, a);
      assert.deepEqual(last && withoutTime(last), stored.at(-1));
      assert.deepEqual(await lastTokenOfAnyCopy(log.broker, a), last);
      for (const { time } of [...all, last!])
        assert.ok(Math.abs(time - Date.now() / 1000) < 60);
      const [only] = await readTokens(log.broker, b, signal);
      assert.equal(only?.chunk.text, "für 😀");
    });

    test("are taken only behind the one that was expected", async () => {
      await using log = await openLog(version);
      using tokens = openTokenLog(log.broker);
      const id = newTaskId();
      const refused = { kind: "refused" } as const;
      const first = seqOf(await tokens.put(id, chunk(1), 0));
      assert.deepEqual(await tokens.put(id, chunk(1, "x", "w2"), 0), refused);
      const second = seqOf(await tokens.put(id, chunk(2), first));
      assert.deepEqual(await tokens.put(id, chunk(2), first), refused);
      const last = await lastToken(log.broker, id);
      assert.deepEqual(last && withoutTime(last), {
        seq: second,
        chunk: chunk(2),
      });
      const [x, y] = await Promise.all([
        tokens.put(id, chunk(3, "x", "w1"), second),
        tokens.put(id, chunk(3, "y", "w2"), second),
      ]);
      assert.deepEqual([x.kind, y.kind].sort(), ["refused", "stored"]);
    });

    test("of an answer that does not come nothing is known", async () => {
      await using log = await openLog(version);
      using tokens = makeTokenLog(log.broker);
      const id = newTaskId();
      await log.nats.kill("SIGSTOP");
      const late = tokens.put(id, chunk(1), 0);
      assert.deepEqual(await late, { kind: "unknown" });
      await log.nats.kill("SIGCONT");
      const found = await eventually(() => lastToken(log.broker, id));
      assert.deepEqual(found.chunk, chunk(1));
      await log.nats.kill();
      await eventually(() => !log.broker.connected);
      assert.deepEqual(await tokens.put(id, chunk(2), found.seq), {
        kind: "unknown",
      });
    });

    test("are an error where the stream can't take them", async () => {
      await using log = await openLog(version);
      using tokens = openTokenLog(log.broker);
      const id = newTaskId();
      const most = log.broker.maxPayload;
      await assert.rejects(tokens.put(id, chunk(1, "x".repeat(most)), 0), {
        code: "too_large",
      });
      await log.broker.jsm.streams.update(streams.tokens, {
        discard: DiscardPolicy.New,
        max_msgs: 1,
      });
      const seq = seqOf(await tokens.put(id, chunk(1), 0));
      await assert.rejects(tokens.put(id, chunk(2), seq), { code: "full" });
      await log.broker.jsm.streams.delete(streams.tokens);
      await assert.rejects(tokens.put(id, chunk(2), seq), {
        code: "unavailable",
      });
    });

    test("are heard as they are published", async () => {
      await using log = await openLog(version);
      using tokens = openTokenLog(log.broker);
      const id = newTaskId();
      const heard: TokenChunk[] = [];
      const hearing = hearTokens(log.broker, id, (one) => heard.push(one));
      await subscribed(log.broker);
      log.broker.nc.publish(subjects.tokens(id), "no chunk");
      await tokens.put(newTaskId(), chunk(1), 0);
      const { seq } = (await lastOf(log, id))!;
      seqOf(await tokens.put(id, chunk(1), seq));
      await eventually(() => heard.length > 0);
      assert.deepEqual(heard, [chunk(1)]);
      hearing[Symbol.dispose]();
      await subscribed(log.broker);
      await tokens.put(id, chunk(2), 0);
      await subscribed(log.broker);
      assert.deepEqual(heard, [chunk(1)]);
    });
  });

/** The last message of the task, whatever is in it. */
const lastOf = ({ broker }: Awaited<ReturnType<typeof openLog>>, id: string) =>
  broker.jsm.streams.getMessage(streams.tokens, {
    last_by_subj: subjects.tokens(id),
  });
