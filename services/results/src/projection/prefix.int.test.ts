/** A Redis that is shared: with anybody who has keys of our names, and with another system. */
import { newTaskId } from "@jetscribe/schema";
import { connectStore, hearDone, type Store } from "@jetscribe/task-store";
import { eventually, redisPrefix, startNats } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { test } from "vitest";
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

/** Every name of a key of ours, and names that begin as they do. */
const names = [
  ...["checkpoint", "queues", "running", "models", "deadlines", "usual"],
  ...["waits", "milestones", "projections", "tasks:recent", "open:demo"],
  ...["task:5", `task:${newTaskId()}`, "queue:mail", "open:door"],
  "queue:demo:interactive:a",
];
/** None, others, and such as run into ours or out of it. */
const prefixes = ["", "another:", "jetscribe", "jetscribe2:", "jetscribe:b:"];

/** A connection that sees all keys. */
async function openAll(url: string) {
  const store = connectStore({
    url,
    prefix: "",
    name: "all",
    silenceMs: 60_000,
  });
  await eventually(() => store.ready());
  return store;
}

/** Everything that is there, as Redis itself writes it. */
async function dumpOf({ redis }: Store, isMeant: (key: string) => boolean) {
  const keys = (await redis.keys("*")).filter(isMeant).toSorted();
  const dumps = await Promise.all(keys.map((key) => redis.dumpBuffer(key)));
  return keys.map((key, i) => [key, dumps[i]?.toString("hex")]);
}

test("keys of the same names, bare or under other prefixes, survive a first start, a rebuild, an emptied Redis and a change of version", async () => {
  await using on = await servers();
  await using writer = await openWriter(on.nats.url);
  await using all = await openAll(on.redis.url);
  const foreign = prefixes.flatMap((prefix) => names.map((n) => prefix + n));
  const isForeign = (key: string) => foreign.includes(key);
  // Of every type, since other people's keys are of any.
  const setThem = (after: ReturnType<Store["redis"]["multi"]>) =>
    foreign.reduce((commands, key, i) => {
      const add = [
        () => commands.set(key, "another's"),
        () => commands.hset(key, "field", "another's"),
        () => commands.rpush(key, "another's"),
        () => commands.sadd(key, "another's"),
        () => commands.zadd(key, 1, "another's"),
      ];
      return add[i % add.length]?.() ?? commands;
    }, after);
  await setThem(all.redis.multi()).exec();
  const before = await dumpOf(all, isForeign);
  assert.equal(before.length, foreign.length);
  const ids = await writer.lives(300);

  await using results = startResults(on);
  await using reader = await openReader(on.redis.url);
  const isWhole = async (when: string) => {
    await assertProjected(writer.broker, reader.reader);
    assert.deepEqual(await dumpOf(all, isForeign), before, when);
    const rest = await dumpOf(all, (key) => !isForeign(key));
    const strange = rest.filter(([key]) => !key?.startsWith(redisPrefix));
    assert.deepEqual(strange, [], when);
  };
  await isWhole("the first start");

  const checkpoint = `${redisPrefix}checkpoint`;
  await all.redis.del(checkpoint);
  await isWhole("a rebuild");

  await setThem(all.redis.multi().flushall()).exec();
  await isWhole("an emptied Redis");

  await results.kill("SIGTERM");
  // As the version before this one left it.
  const task = `${redisPrefix}task:${ids[0]}`;
  const stored = await all.redis.mget(checkpoint, task);
  const [older, olderTask] = stored.map((value) =>
    value?.replace(/^\[(\d+),/, (_, version) => `[${Number(version) - 1},`),
  );
  await all.redis.mset(checkpoint, older ?? "", task, olderTask ?? "");
  await using later = startResults(on);
  await eventually(() => later.said("caught up"));
  await isWhole("a change of version");
});

test("two systems with two prefixes share one database, and neither sees the other", async () => {
  await using on = await servers();
  await using nats2 = await startNats();
  await using all = await openAll(on.redis.url);
  const systems = [
    { nats: on.nats, prefix: redisPrefix },
    { nats: nats2, prefix: "team:two:" },
  ];
  await using opened = new AsyncDisposableStack();
  const open = await Promise.all(
    systems.map(async ({ nats, prefix }) => {
      const env = { REDIS_PREFIX: prefix };
      const results = opened.use(startResults({ nats, redis: on.redis }, env));
      const writer = opened.use(await openWriter(nats.url));
      const redis = opened.use(await openReader(on.redis.url, prefix));
      const told = await redis.hearDone();
      return { prefix, results, writer, reader: redis.reader, told };
    }),
  );
  const ids = await Promise.all(open.map(({ writer }) => writer.lives(300)));
  const ended = open.map(() => newTaskId());
  for (const [i, { writer }] of open.entries()) {
    const id = ended[i] ?? "";
    for (const event of [requested(id), started(id), completed(id)])
      await writer.append(event);
  }
  const eachSeesItsOwn = async () => {
    for (const [i, { writer, reader, told }] of open.entries()) {
      await assertProjected(writer.broker, reader);
      const { tasks } = await reader.look(ids[1 - i] ?? []);
      assert.deepEqual(new Set(tasks), new Set([undefined]));
      await eventually(() => told.includes(ended[i] ?? ""));
      assert.ok(!told.includes(ended[1 - i] ?? ""));
    }
  };
  await eachSeesItsOwn();

  // The first is built anew; the second stands still meanwhile, so that nothing of it may change.
  const [first, second] = open;
  assert.ok(first && second);
  await second.results.kill("SIGTERM");
  const isSeconds = (key: string) => key.startsWith(second.prefix);
  const before = await dumpOf(all, isSeconds);
  assert.ok(before.length > ids.length);
  await all.redis.del(`${first.prefix}checkpoint`);
  await eventually(() => all.redis.exists(`${first.prefix}checkpoint`));
  await eachSeesItsOwn();
  assert.deepEqual(await dumpOf(all, isSeconds), before);
});

test("a user of Redis who may do nothing outside the prefix is enough", async () => {
  await using on = await servers();
  await using writer = await openWriter(on.nats.url);
  await using all = await openAll(on.redis.url);
  const rules = [`~${redisPrefix}*`, `&${redisPrefix}*`, "+@all", ">secret"];
  await all.redis.acl("SETUSER", "ours", "on", ...rules);
  const url = on.redis.url.replace("redis://", "redis://ours:secret@");
  await using results = startResults({ nats: on.nats, redis: { url } });
  await using redis = await openReader(url);
  const told: string[] = [];
  using _hearing = hearDone(redis.store, {
    onDone: (ids) => void told.push(...ids),
    onListening: () => undefined,
  });
  await writer.lives(300);
  await assertProjected(writer.broker, redis.reader);
  const id = newTaskId();
  await writer.append(requested(id));
  await writer.append(completed(id));
  await eventually(() => told.includes(id));
  await all.redis.del(`${redisPrefix}checkpoint`);
  await assertProjected(writer.broker, redis.reader);
  // It looks once whether an earlier version has left its checkpoint.
  const refused = (await all.redis.acl("LOG")) as string[][];
  assert.deepEqual(
    refused.map((entry) => entry[entry.indexOf("object") + 1]),
    ["checkpoint"],
  );
  assert.ok(!results.output().includes("secret"));
});
