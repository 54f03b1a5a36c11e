import { exactTime, timeOfDay } from "../format.ts";

/** `s`: seconds since the epoch. */
export function Time({ s }: { s: number }) {
  const exact = exactTime(s);
  return (
    <time dateTime={new Date(s * 1_000).toISOString()} title={exact}>
      {timeOfDay(s)}
    </time>
  );
}
