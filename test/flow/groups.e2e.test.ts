/** Groups: the broker lets so many of a group's tasks run at once, over all workers, and the log shows it. */
import { isOutcome, type RecordedEvent } from "@jetscribe/schema";
import { eventually, natsVersions, startStack } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { describe, test } from "vitest";
import {
  untilServed,
  call,
  outcome,
  outcomes,
  post,
  postMany,
  type Running,
} from "./client.ts";
import { countOf, histories } from "./log.ts";

const members = [
  ...(["gateway", "gateway-2", "inference", "inference-2", "results"] as const),
];
const fake = { ENGINE: "fake", SLOTS: "4" };
const bothGateways = (stack: Running & { url2: string }): Running[] => [
  stack,
  { ...stack, url: stack.url2 },
];

type Log = ReadonlyMap<string, RecordedEvent[]>;

/** How many of the tasks were between their first start and their outcome at once, by the log's order. */
function mostAtOnce(log: Log, ids: readonly string[]): number {
  const events = ids.flatMap((id) => log.get(id) ?? []);
  const running = new Set<string>();
  const ended = new Set<string>();
  let most = 0;
  for (const event of events.toSorted((a, b) => a.seq - b.seq)) {
    const { task_id } = event.data;
    if (isOutcome(event)) ended.add(task_id);
    if (ended.has(task_id)) running.delete(task_id);
    else if (event.type === "GenerateStarted") running.add(task_id);
    most = Math.max(most, running.size);
  }
  return most;
}

const seqOf = (log: Log, id: string, type: RecordedEvent["type"]): number =>
  log.get(id)?.find((event) => event.type === type)?.seq ?? NaN;

/** The tasks in the order in which they were stored, and in that of their first starts. */
const ordersOf = (log: Log, ids: readonly string[]) => {
  const by = (type: RecordedEvent["type"]) =>
    ids.toSorted((a, b) => seqOf(log, a, type) - seqOf(log, b, type));
  return [by("GenerateRequested"), by("GenerateStarted")];
};

const statusOf = async (running: Running, id: string) =>
  (await call(running, `/status/${id}`)).body["status"];
const isProcessing = (running: Running, id: string) =>
  eventually(async () => (await statusOf(running, id)) === "processing");

for (const natsVersion of await natsVersions())
  describe(`groups, the ${natsVersion} nats-server`, () => {
    test("so many of a group run at once as its newest task says, in their order, beside other groups and tasks without one", async () => {
      await using stack = await startStack({
        env: { ...fake, FAKE_MS: "1000", FAKE_TOKENS: "24" },
        services: members,
        natsVersion,
      });
      const posted = new Map<string, string[]>();
      const wanted = { one: 1, three: 3, another: 1 };
      await Promise.all(
        Object.entries(wanted).map(async ([group, group_concurrency]) => {
          const fields = { group, group_concurrency };
          const ids = await Promise.all(
            bothGateways(stack).map((one) => postMany(one, 4, fields)),
          );
          posted.set(group, ids.flat());
        }),
      );
      await post(stack);
      await outcomes(stack, [...posted.values()].flat());
      const log = await histories(stack.natsUrl);
      for (const [group, most] of Object.entries(wanted)) {
        const ids = posted.get(group) ?? [];
        assert.equal(mostAtOnce(log, ids), most, group);
        const [stored, started] = ordersOf(log, ids);
        if (most === 1) assert.deepEqual(started, stored);
        for (const id of ids)
          assert.equal(countOf(log.get(id), "GenerateCompleted"), 1);
      }
      const all = [...posted.values()].flat();
      assert.ok(mostAtOnce(log, all) > 3, "groups run beside one another");
      const listed = await untilServed(stack, "/tasks?group=three&limit=100");
      const tasks = listed.body["tasks"] as Record<string, unknown>[];
      assert.deepEqual(
        tasks.map(({ task_id }) => task_id).sort(),
        posted.get("three")?.toSorted(),
      );
      assert.equal(tasks[0]?.["group"], "three");
    });

    test("a worker that is killed keeps its group's room until its task is taken over", async () => {
      await using stack = await startStack({
        env: {
          ...{ ...fake, FAKE_MS: "12000", FAKE_TOKENS: "100" },
          ...{ SLOTS: "2", ACK_WAIT: "3s" },
        },
        services: [...members].filter((one) => one !== "inference-2"),
        natsVersion,
      });
      const ids = [
        await post(stack, { group: "g", max_tokens: 100 }),
        await post(stack, { group: "g", max_tokens: 10 }),
        await post(stack, { group: "g", max_tokens: 10 }),
      ];
      await isProcessing(stack, ids[0] ?? "");
      await stack.kill("inference");
      await stack.restart("inference");
      await outcomes(stack, ids);
      const log = await histories(stack.natsUrl);
      const killed = log.get(ids[0] ?? "");
      const retried = killed?.find(({ type }) => type === "GenerateRetried");
      assert.ok(retried?.type === "GenerateRetried");
      assert.equal(retried.data.reason, "gone");
      assert.equal(mostAtOnce(log, ids), 1);
      assert.deepEqual(ordersOf(log, ids)[1], ids);
    });

    test("the newest task's group_concurrency counts from then on", async () => {
      await using stack = await startStack({
        env: { ...fake, FAKE_MS: "60000", FAKE_TOKENS: "600" },
        services: members,
        natsVersion,
      });
      const slow = { group: "g", max_tokens: 600 };
      const first = await post(stack, slow);
      await isProcessing(stack, first);
      const second = await post(stack, slow);
      const third = await post(stack, { ...slow, group_concurrency: 2 });
      await isProcessing(stack, second);
      assert.equal(await statusOf(stack, third), "queued");
      const fourth = await post(stack, slow);
      await call(stack, `/cancel/${first}`, { method: "POST" });
      await outcome(stack, first);
      // One runs, and one may again.
      await call(stack, `/cancel/${second}`, { method: "POST" });
      await isProcessing(stack, third);
      assert.equal(await statusOf(stack, fourth), "queued");
    });

    test("the latest wins: it replaces those that wait, and where it says so those that run; of two gateways too", async () => {
      await using stack = await startStack({
        env: { ...fake, FAKE_MS: "60000", FAKE_TOKENS: "600" },
        services: members,
        natsVersion,
      });
      const gateways = bothGateways(stack);
      const latest = {
        ...{ group: "g", group_policy: "latest", max_tokens: 600 },
      };
      const runs = await post(stack, latest);
      await isProcessing(stack, runs);
      const raced = await Promise.all(
        Array.from({ length: 20 }, (_, i) =>
          post(gateways[i % 2] ?? stack, latest),
        ),
      );
      const log = await histories(stack.natsUrl);
      const [stored] = ordersOf(log, raced);
      const last = stored?.at(-1) ?? "";
      for (const id of raced) {
        if (id === last) continue;
        const ended = await outcome(stack, id);
        assert.equal(ended["status"], "cancelled");
        assert.match(String(ended["reason"]), /newer task of its group/);
      }
      assert.equal(await statusOf(stack, runs), "processing");
      assert.equal(await statusOf(stack, last), "queued");
      const newest = await post(stack, {
        ...{ ...latest, max_tokens: 1 },
        group_policy: "cancel_in_progress",
      });
      for (const id of [runs, last])
        assert.equal((await outcome(stack, id))["status"], "cancelled");
      assert.equal((await outcome(stack, newest))["status"], "completed");
      const after = await histories(stack.natsUrl);
      for (const id of raced)
        assert.equal(countOf(after.get(id), "GenerateStarted"), 0);
    });
  });
