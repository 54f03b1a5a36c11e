import { connectBroker } from "@jetscribe/event-log/broker/connection";
import {
  hearProjections,
  subscribed,
} from "@jetscribe/event-log/signals/signals";
import {
  isOpen,
  newTaskId,
  streams,
  type ProjectionAnnouncement,
} from "@jetscribe/schema";
import { eventually, natsVersions, testRandom } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, test } from "vitest";
import {
  assertProjected,
  completed,
  openReader,
  openWriter,
  requested,
  servers,
  startResults,
  started,
} from "../../test/resultsTestKit.ts";

test("an empty log is caught up at once; what comes then is projected and told", async () => {
  await using on = await servers();
  await using results = startResults(on);
  await using writer = await openWriter(on.nats.url);
  await using redis = await openReader(on.redis.url);
  await eventually(async () => {
    const { checkpoint } = await redis.reader.look([]);
    return checkpoint?.caughtUp === true && checkpoint.seq === 0;
  });
  const told = await redis.hearDone();
  const ids = await writer.lives(200);
  const id = newTaskId();
  for (const event of [requested(id), started(id), completed(id)])
    await writer.append(event);
  await eventually(() => told.includes(id));
  const [task] = (await redis.reader.look([id])).tasks;
  assert.equal(task?.status, "completed");
  await assertProjected(writer.broker, redis.reader);
  assert.equal(ids.length, 200);
  await results.kill("SIGTERM");
  assert.equal(results.said("stopped"), 1);
  const { checkpoint } = await redis.reader.look([]);
  const warned = /"level":[4-6]0/.test(results.output());
  assert.ok(checkpoint?.beat === 0 || warned, "it gave up the lead");
  assert.ok(!results.output().includes("secret"));
});

test("what is no event is skipped and said, without what is in it", async () => {
  await using on = await servers();
  await using writer = await openWriter(on.nats.url);
  const { nc } = writer.broker;
  const send = (subject: string, body: string) =>
    nc.request(subject, body, { timeout: 60_000 });
  const [id, misplaced, nameless] = [newTaskId(), newTaskId(), newTaskId()];
  await writer.append(requested(id));
  await send("llm.events.requested.demo.interactive.a", "secret {");
  await send("llm.events.nonsense", "secret");
  await writer.append(requested(misplaced), {
    ...{ model: "demo", lane: "interactive", owner: "b" },
  });
  const { data } = requested(nameless);
  const body = JSON.stringify({ ...data, model: "!!!" });
  await send("llm.events.requested.demo.interactive.a", body);
  await using results = startResults(on);
  await using redis = await openReader(on.redis.url);
  await eventually(async () => {
    const { checkpoint } = await redis.reader.look([]);
    return checkpoint?.seq === 5 && checkpoint.caughtUp;
  });
  const { tasks } = await redis.reader.look([id, misplaced, nameless]);
  const found = tasks.map((task) => task?.status);
  assert.deepEqual(found, ["queued", undefined, undefined]);
  // The results service may read them again.
  const skipped = /"seq":(\d+),.*"msg":"skipped what is no event"/g;
  const skippedSeqs = () =>
    new Set(Array.from(results.output().matchAll(skipped), ([, seq]) => seq));
  await eventually(() => skippedSeqs().size === 4);
  assert.ok(!results.output().includes("secret"));
  // Its checkpoint stands on garbage, and holds all the same.
  await results.kill();
  await using again = startResults(on);
  await eventually(() => again.said("projecting"));
  assert.equal(again.said("the log lost its tail: it is projected anew"), 0);
});

test("an emptied Redis is filled again by itself; nothing finished is ever shown as open by a projection that has caught up", async () => {
  await using on = await servers();
  await using results = startResults(on);
  await using writer = await openWriter(on.nats.url);
  await using redis = await openReader(on.redis.url);
  const ids = Array.from({ length: 3_000 }, () => newTaskId());
  for (const make of [requested, started, completed])
    await Promise.all(ids.map((id) => writer.append(make(id))));
  await assertProjected(writer.broker, redis.reader);
  for (let round = 0; round < 3; round++) {
    const more = writer.lives(600);
    await redis.store.redis.flushall();
    let wrong = 0;
    await eventually(
      async () => {
        const { checkpoint, tasks } = await redis.reader.look(ids);
        if (checkpoint?.caughtUp !== true) return false;
        const isWrong = tasks.some((task) => task?.status !== "completed");
        if (isWrong) wrong++;
        return !isWrong;
      },
      { everyMs: 1 },
    );
    assert.equal(wrong, 0);
    await more;
    await assertProjected(writer.broker, redis.reader);
  }
  assert.equal(results.said("another instance has taken over"), 0);
});

test("SIGKILL at any moment leaves states and checkpoint that fit, and no outcome untold", async () => {
  await using on = await servers();
  await using writer = await openWriter(on.nats.url);
  await using redis = await openReader(on.redis.url);
  const told = await redis.hearDone();
  const ids: string[] = [];
  const stop = new AbortController();
  const writing = (async () => {
    while (!stop.signal.aborted) {
      ids.push(...(await writer.lives(30)));
      await sleep(20);
    }
  })();
  const random = testRandom();
  for (let round = 0; round < 5; round++) {
    const { checkpoint } = await redis.reader.look([]);
    await using results = startResults(on);
    await eventually(
      async () => {
        const { checkpoint: now } = await redis.reader.look([]);
        return (now?.seq ?? 0) > (checkpoint?.seq ?? 0);
      },
      { everyMs: 1 },
    );
    await sleep(random.int(0, 300));
    await results.kill();
  }
  stop.abort();
  await writing;
  await using _last = startResults(on);
  await assertProjected(writer.broker, redis.reader);
  const { tasks } = await redis.reader.look(ids);
  const ended = tasks.flatMap((task) =>
    task === undefined || isOpen(task) ? [] : [task.task_id],
  );
  await eventually(() => told.length >= ended.length);
  assert.deepEqual(told.toSorted(), ended.toSorted());
});

test("a Redis that dies or freezes is waited for, without a crash and without a busy loop", async () => {
  await using on = await servers();
  await using results = startResults(on);
  await using writer = await openWriter(on.nats.url);
  await using redis = await openReader(on.redis.url);
  for (const signal of ["SIGKILL", "SIGSTOP"] as const) {
    await writer.lives(300);
    await assertProjected(writer.broker, redis.reader);
    await on.redis.kill(signal);
    await writer.lives(300);
    await eventually(() => isIdle(results.pid));
    if (signal === "SIGSTOP") await on.redis.kill("SIGCONT");
    else await on.redis.restart();
    await assertProjected(writer.broker, redis.reader);
  }
});

test("events that aged out behind the checkpoint are a gap: it is said, and the log is projected anew without the tasks that it no longer has", async () => {
  await using on = await servers();
  await using writer = await openWriter(on.nats.url);
  await using redis = await openReader(on.redis.url);
  await using first = startResults(on);
  const ended = newTaskId();
  await writer.append(requested(ended));
  await assertProjected(writer.broker, redis.reader);
  await first.kill("SIGTERM");
  await writer.append(completed(ended));
  const id = newTaskId();
  const seq = await writer.append(requested(id));
  await writer.broker.jsm.streams.purge(streams.events, { seq });
  await using second = startResults(on);
  await eventually(async () => {
    const { checkpoint, tasks } = await redis.reader.look([id]);
    return checkpoint?.seq === seq && tasks[0]?.status === "queued";
  });
  await assertProjected(writer.broker, redis.reader);
  const { tasks } = await redis.reader.look([ended]);
  assert.deepEqual(tasks, [undefined]);
  assert.equal((await redis.reader.unfinished())?.waiting, 1);
  const gap = "the log begins behind the checkpoint: it is projected anew";
  await eventually(() => second.said(gap));
  // From here on nothing is missing.
  await second.kill("SIGTERM");
  await using third = startResults(on);
  await eventually(() => third.said("projecting"));
  assert.equal(third.said(gap), 0);
});

test("a Redis that evicts open tasks ends the service, which says why for /health", async () => {
  await using on = await servers();
  await using redis = await openReader(on.redis.url);
  await redis.store.redis.config("SET", "maxmemory-policy", "allkeys-lru");
  await using broker = await connectBroker({ url: on.nats.url, name: "test" });
  const heard: ProjectionAnnouncement[] = [];
  using _ = hearProjections(broker, (word) => heard.push(word));
  await subscribed(broker);
  await using results = startResults(on);
  await results.ended;
  assert.match(results.output(), /EVICTING_REDIS/);
  const { name, leading, error } = await eventually(() =>
    heard.find((word) => word.error !== undefined),
  );
  assert.deepEqual([name, leading], ["results", true]);
  assert.match(error ?? "", /maxmemory-policy allkeys-lru.*noeviction/);
});

for (const version of await natsVersions())
  describe(`nats-server, the ${version}`, () => {
    test("a broker that dies is waited for, and what it kept is projected", async () => {
      await using on = await servers(version);
      await using results = startResults(on);
      await using writer = await openWriter(on.nats.url);
      await using redis = await openReader(on.redis.url);
      for (let round = 0; round < 2; round++) {
        await writer.lives(300);
        await on.nats.kill();
        await on.nats.restart();
        await eventually(() => writer.broker.connected);
        await eventually(() => writer.lives(60));
        await assertProjected(writer.broker, redis.reader);
      }
      await eventually(() => results.said("the broker is back"));
    });
  });

/** Whether two seconds pass now in which a process uses next to no CPU. */
async function isIdle(pid: number): Promise<boolean> {
  const before = cpuTicks(pid);
  await sleep(2_000); // the time over which the CPU is measured
  return cpuTicks(pid) - before < 8;
}

/** The CPU time of a process, in hundredths of a second. */
function cpuTicks(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const [utime, stime] = stat.slice(stat.lastIndexOf(")")).split(" ").slice(12);
  return Number(utime) + Number(stime);
}
