/** Pure: a pino record of a service, as a line of `app.log`. No line end at the end. */
import { escape, quote } from "./escape.ts";

const levels: Readonly<Record<number, string>> = {
  10: "TRACE",
  20: "DEBUG",
  30: "INFO",
  40: "WARN",
  50: "ERROR",
  60: "FATAL",
};
const info = 30;
/** Fields that stand in the head of the line, or say what the service's name says. */
const inHead = new Set(["level", "time", "service", "msg", "pid", "hostname"]);
/** The latest time that a Date can have. */
const maxMs = 8.64e15;

/**
 * The line of a record; undefined for one below the level info. `storedAt`: seconds since the epoch, for records
 * without a time. Whatever is no record stands in its line as escaped text.
 */
export function formatRecord(
  service: string,
  data: Uint8Array,
  storedAt: number,
): string | undefined {
  const text = Buffer.from(
    data.buffer,
    data.byteOffset,
    data.length,
  ).toString();
  const raw = () => `${head(storedAt * 1000, "-", service)} ${quote(text)}`;
  try {
    const record: unknown = JSON.parse(text);
    if (typeof record !== "object" || record === null) return raw();
    return Array.isArray(record)
      ? raw()
      : fromRecord(service, record as Record<string, unknown>, storedAt);
  } catch {
    return raw(); // no JSON, or nested too deep to be written again
  }
}

function fromRecord(
  service: string,
  record: Record<string, unknown>,
  storedAt: number,
): string | undefined {
  const { level, time, msg } = record;
  if (typeof level === "number" && level < info) return undefined;
  const name = typeof level === "number" ? (levels[level] ?? level) : "-";
  const at =
    typeof time === "number" && Math.abs(time) <= maxMs
      ? time
      : storedAt * 1000;
  const fields = Object.entries(record)
    .filter(([key]) => !inHead.has(key))
    .map(([key, value]) => ` ${word(key)}=${format(value)}`);
  const message = msg === undefined ? "" : ` ${bare(msg)}`;
  return `${head(at, String(name), service)}${message}${fields.join("")}`;
}

/** `[2025-11-21 15:30:45.123] INFO  gateway:` */
function head(timeMs: number, level: string, service: string): string {
  const time = new Date(timeMs).toISOString().slice(0, -1).replace("T", " ");
  return `[${time}] ${level.padEnd(5)} ${word(service)}:`;
}

const word = (text: string): string =>
  /^[\w.:/@+-]+$/.test(text) ? text : quote(text);

const format = (value: unknown): string =>
  typeof value === "string" ? word(value) : escape(JSON.stringify(value));

const bare = (value: unknown): string =>
  escape(typeof value === "string" ? value : JSON.stringify(value));
