/** Two of everything on one broker: whoever dies, the other goes on, with no gap and no double. */
import { hearProjections } from "@jetscribe/event-log/signals/signals";
import { connectBroker } from "@jetscribe/event-log/broker/connection";
import type { ProjectionAnnouncement } from "@jetscribe/schema";
import { eventually, startStack, type Member } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { test } from "vitest";
import { lineCounts, outcome, outcomes, post, postMany } from "./client.ts";
import { countOf, histories } from "./log.ts";

const all = ["gateway", "inference", "results", "logger"] as const;
const members: Member[] = [...all, ...all.map((name) => `${name}-2` as const)];

test("each of two instances is killed in turn: the other goes on", async (t) => {
  await using stack = await startStack({
    env: { ENGINE: "fake", FAKE_MS: "30", SLOTS: "4", ACK_WAIT: "3s" },
    services: members,
  });
  await using broker = await connectBroker({
    url: stack.natsUrl,
    name: "test",
  });
  const heard = new Map<string, ProjectionAnnouncement>();
  using _hearing = hearProjections(broker, (word) => {
    if (word.leading) heard.set(word.name, word);
  });
  const leader = async (name: string) =>
    (await eventually(() => heard.get(name))).instance;

  const other = { ...stack, url: stack.url2 };
  const ids = [...(await postMany(stack, 20)), ...(await postMany(other, 20))];
  for (const [i, id] of ids.entries()) {
    const { status } = await outcome(i % 2 ? stack : other, id);
    assert.equal(status, "completed");
  }

  for (const name of ["results", "logger"] as const) {
    const first = await leader(name);
    // One of the two leads: it goes with the first or with the second.
    for (const member of [name, `${name}-2`] as const) {
      heard.delete(name);
      await stack.kill(member);
      const since = performance.now();
      const id = await post(stack);
      await outcome(stack, id);
      assert.deepEqual(await lineCounts(stack.logDir, [id]), [1]);
      const ms = Math.round(performance.now() - since);
      void t.annotate(
        `${member} was killed: a task and its line after ${ms} ms`,
      );
      ids.push(id);
      await stack.restart(member);
      if ((await leader(name)) !== first) break;
    }
    assert.notEqual(await leader(name), first);
  }

  for (const member of ["inference", "gateway-2"] as const) {
    const queued = await postMany(stack, 30);
    await stack.kill(member);
    ids.push(...queued);
    await outcomes(stack, queued);
  }

  const results = await outcomes(stack, ids);
  assert.ok(results.every(({ status }) => status === "completed"));
  const log = await histories(stack.natsUrl);
  for (const id of ids)
    assert.equal(countOf(log.get(id), "GenerateCompleted"), 1);
  const counts = await lineCounts(stack.logDir, ids);
  assert.ok(counts.every((lines) => lines === 1));
});
