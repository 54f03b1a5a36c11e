/**
 * What versions before REDIS_PREFIX left in Redis: keys without a prefix, of names that may be anybody's. A key is
 * recognized by its name and by what it holds, and only in a database that such a version wrote its checkpoint into.
 */
import { Command, type Redis } from "ioredis";

const id = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}";
const slug = "[a-z0-9_-]{1,64}";
const owned = `(?:interactive|batch):${slug}`;
const queue = `${slug}:${owned}`;
const number = "\\d+(?:\\.\\d+)?(?:e-\\d+)?";
const whole = (pattern: string) => new RegExp(`^(?:${pattern})$`, "s");

/** Of lists and sorted sets, which may be large: the first so many members. */
const first = [0, 99];

/** Names of keys, the command that reads one, and what each member, line or field is that is read. */
const shapeOf = (
  name: string,
  command: string,
  holds: string,
  args: readonly number[] = [],
) => ({ name: whole(name), command, args, holds: whole(holds) });
type Shape = ReturnType<typeof shapeOf>;

/** In the versions 1 to 3 of the values, which are those without a prefix. */
const shapes: readonly Shape[] = [
  shapeOf(
    `task:${id}`,
    "get",
    '\\[[123],"(?:queued|processing|completed|failed|cancelled)",\\d+,.*\\]',
  ),
  shapeOf(`queue:${queue}`, "zrange", id, first),
  shapeOf(`open:${slug}`, "hkeys", `${owned}:(?:waiting|running)`),
  shapeOf("queues", "smembers", queue),
  shapeOf("running|deadlines", "zrange", `${queue}:${id}`, first),
  shapeOf("models", "smembers", slug),
  shapeOf("usual", "hkeys", `${queue}:(?:tasks|tokens)`),
  shapeOf("waits", "lrange", `${number} ${number}`, first),
  shapeOf("tasks:recent", "lrange", id, first),
  shapeOf("milestones", "lrange", "\\d+ \\d+", first),
  shapeOf("projections", "hvals", "\\d+ \\d+"),
];

/** What is stored until a projection is whole, or while it is emptied. */
const checkpoint = whole(
  `\\[[123],"[^"]+",\\d+,"[^"]*",(?:true|false),.*\\]|clearing ${id}`,
);

/** Whether a version without a prefix has left its keys: one command, on any connection. Rejects where Redis doesn't say. */
export async function hasUnprefixed(redis: Redis): Promise<boolean> {
  // Made by itself, a command is sent without the connection's prefix.
  const get = new Command("get", ["checkpoint"], { replyEncoding: "utf8" });
  const stored = (await redis.sendCommand(get)) as string | null;
  return stored !== null && checkpoint.test(stored);
}

/**
 * The keys that such a version left, some at a time, the checkpoint last; none where it has left no checkpoint. Goes
 * through the whole database. The connection has to be without a prefix.
 */
export async function* findUnprefixed(
  redis: Redis,
): AsyncGenerator<string[], void, undefined> {
  if (!(await hasUnprefixed(redis))) return;
  let cursor = "0";
  do {
    const [after, keys] = await redis.scan(cursor, "COUNT", 1_000);
    const found = await ownOf(redis, keys);
    if (found.length > 0) yield found;
    cursor = after;
  } while (cursor !== "0");
  if (await hasUnprefixed(redis)) yield ["checkpoint"];
}

/** Removes them, on a connection without a prefix; a removal that was broken off goes on at the next call. */
export async function removeUnprefixed(redis: Redis): Promise<void> {
  for await (const keys of findUnprefixed(redis)) await redis.unlink(keys);
}

async function ownOf(redis: Redis, keys: readonly string[]): Promise<string[]> {
  const named = new Map<string, Shape>();
  for (const key of keys) {
    const shape = shapes.find(({ name }) => name.test(key));
    if (shape !== undefined) named.set(key, shape);
  }
  if (named.size === 0) return [];
  const commands = redis.pipeline();
  for (const [key, { command, args }] of named)
    commands.call(command, key, ...args);
  const replies = (await commands.exec()) ?? [];
  return [...named].flatMap(([key, { holds }], i) => {
    const [error, reply] = replies[i] ?? [];
    // What is of another type is another's.
    if (error && !error.message.startsWith("WRONGTYPE")) throw error;
    if (error || reply === null) return [];
    const held = [reply].flat() as string[];
    return held.length > 0 && held.every((one) => holds.test(one)) ? [key] : [];
  });
}
