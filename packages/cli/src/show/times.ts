/** Times and spans of time as people read them, in the time zone of the terminal. */

/** `2026-11-29 14:32:05.123`, of seconds since the epoch. */
export function dateTime(time: number): string {
  const at = new Date(time * 1_000);
  const date = [at.getFullYear(), at.getMonth() + 1, at.getDate()];
  return `${date.map(two).join("-")} ${clock(time)}`;
}

/** `14:32:05.123`, of seconds since the epoch. */
export function clock(time: number): string {
  const at = new Date(time * 1_000);
  const parts = [at.getHours(), at.getMinutes(), at.getSeconds()];
  const ms = String(at.getMilliseconds()).padStart(3, "0");
  return `${parts.map(two).join(":")}.${ms}`;
}

const two = (n: number): string => String(n).padStart(2, "0");

/** `3 ms`, `1.25 s`, `12 s`, `2 m 5 s`, `3 h 20 m`, `4 d 2 h`. */
export function span(seconds: number): string {
  if (seconds < 1) return `${Math.round(seconds * 1_000)} ms`;
  if (seconds < 60)
    return `${Number.isInteger(seconds) ? seconds : seconds.toFixed(2)} s`;
  const s = Math.round(seconds);
  if (s < 3_600) return pair(s, 60, "m", "s");
  return s < 86_400
    ? pair(s / 60, 60, "h", "m")
    : pair(s / 3_600, 24, "d", "h");
}

const pair = (n: number, per: number, big: string, small: string): string =>
  `${Math.floor(n / per)} ${big} ${Math.floor(n % per)} ${small}`;
