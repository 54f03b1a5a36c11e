/** Numbers and times as people read them in a table. */

/** `0.42 s`, `3.1 s`, `2 m 05 s`, `1 h 12 m`, `3 d 4 h`. */
export function duration(seconds: number): string {
  if (seconds < 0.0005) return "0 s";
  if (seconds < 1) return `${Math.round(seconds * 1_000)} ms`;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const s = Math.round(seconds);
  if (s < 60) return `${s} s`;
  if (s < 3_600) return `${Math.floor(s / 60)} m ${two(s % 60)} s`;
  if (s < 86_400)
    return `${Math.floor(s / 3_600)} h ${two(Math.floor(s / 60) % 60)} m`;
  return `${Math.floor(s / 86_400)} d ${Math.floor(s / 3_600) % 24} h`;
}

const two = (n: number): string => String(n).padStart(2, "0");

/** Local time of the day; with its date where that is not today's. `s`: seconds since the epoch. */
export function timeOfDay(s: number, nowMs = Date.now()): string {
  const date = new Date(s * 1_000);
  const time = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  const isToday = date.toDateString() === new Date(nowMs).toDateString();
  if (isToday) return time;
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${time}`;
}

/** To a millisecond, for a title. */
export const exactTime = (s: number): string =>
  new Date(s * 1_000).toISOString().replace("T", " ").replace("Z", " UTC");

const grouped = new Intl.NumberFormat("en");
export const count = (n: number): string => grouped.format(n);

/** `1 task`, `2 tasks`. */
export const plural = (n: number, word: string): string =>
  `${count(n)} ${word}${n === 1 ? "" : "s"}`;

/** `512 B`, `1.5 kB`, `256.0 MB`: in powers of 1,000, as the settings of the streams are. */
export function bytes(n: number): string {
  if (n < 1e3) return `${n} B`;
  if (n < 1e6) return `${(n / 1e3).toFixed(1)} kB`;
  if (n < 1e9) return `${(n / 1e6).toFixed(1)} MB`;
  return `${(n / 1e9).toFixed(1)} GB`;
}
