import { taskIdAheadMs } from "./protocolTimes.ts";

const uuidV7 =
  /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

let last = { time: 0, count: 0 };

/**
 * A new task id: a UUIDv7 (RFC 9562), whose first 48 bits are the time in milliseconds since the epoch, which has to be
 * the broker's. The next 12 bits count those of one millisecond, so that ids of one process are in order. The rest is
 * random: the platform draws it for many ids at once, which makes an id several times cheaper than bytes of its own would.
 */
export function newTaskId(nowMs: number = Date.now()): string {
  const random = crypto.randomUUID();
  last = nextAfter(last, Math.floor(nowMs));
  const time = last.time.toString(16).padStart(12, "0");
  const count = last.count.toString(16).padStart(3, "0");
  return `${time.slice(0, 8)}-${time.slice(8)}-7${count}-${random.slice(19)}`;
}

/**
 * In a millisecond that is full, or where the clock goes back a little, the time runs ahead. After a clock that was set
 * back by more the ids have its time at once.
 */
function nextAfter({ time, count }: typeof last, now: number): typeof last {
  if (now > time || now < time - taskIdAheadMs) return { time: now, count: 0 };
  return count < 0xfff
    ? { time, count: count + 1 }
    : { time: time + 1, count: 0 };
}

/** The time in a task id, in milliseconds since the epoch; undefined for anything that is no UUIDv7 in lower case. */
export function taskIdTime(id: string): number | undefined {
  if (!uuidV7.test(id)) return undefined;
  return Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
}
