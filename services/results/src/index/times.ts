/** When which events were stored: the last sequence of each ten seconds. */
import type {
  Density,
  DensityQuestion,
} from "@jetscribe/event-log/read/taskIndex";
import type { OwnDatabase } from "@jetscribe/runtime/ownDatabase";

type Sql = Pick<OwnDatabase, "sql">;

export const secondsPerTime = 10;
const wholeOf = (time: number): number => Math.floor(time / secondsPerTime);

/** How many events were stored in each of so many spans of equal length; the last one may be longer than the log. */
export function densityOf(
  { sql }: Sql,
  { from, to, first_seq, buckets }: DensityQuestion,
): Density {
  const [first, spans] = [wholeOf(from), wholeOf(to) - wholeOf(from) + 1];
  const perBucket = Math.ceil(Math.max(1, spans) / buckets);
  const seqBefore = (at: number): number => {
    const row = sql.get`SELECT seq FROM times WHERE at < ${at} ORDER BY at DESC LIMIT 1`;
    return Number(row?.["seq"] ?? 0);
  };
  let before = Math.max(first_seq - 1, seqBefore(first));
  const events: number[] = [];
  for (let at = first; at < first + spans; at += perBucket) {
    // A broker's clock that was set back stores later events in earlier seconds.
    const upTo = Math.max(before, seqBefore(at + perBucket));
    events.push(upTo - before);
    before = upTo;
  }
  const bucket_s = perBucket * secondsPerTime;
  return { from: first * secondsPerTime, bucket_s, events };
}

/** No event up to this sequence was stored after that, in ms since the epoch; undefined: the index has none from there on. */
export function storedBefore({ sql }: Sql, seq: number): number | undefined {
  const row = sql.get`SELECT at FROM times WHERE seq >= ${seq} ORDER BY seq LIMIT 1`;
  const at = row?.["at"];
  return typeof at === "number" ? (at + 1) * secondsPerTime * 1_000 : undefined;
}
