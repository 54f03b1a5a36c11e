import { cyan, dim, oneLine, red, yellow } from "../install/print.mjs";

const WIDTH = 9;
const HIDDEN = new Set([
  "level",
  "time",
  "msg",
  "service",
  "pid",
  "hostname",
  "v",
  "err",
]);
/** @type {Record<string, string>} */
const LEVELS = {
  10: "TRACE",
  20: "DEBUG",
  30: "INFO",
  40: "WARN",
  50: "ERROR",
  60: "FATAL",
};

/**
 * A line of a service for people: `gateway   | 12:00:01 INFO  message key=value`, with the stack of an error below it.
 * Anything that is no log record stays as it is, behind the prefix.
 * @param {string} name who wrote it
 * @param {string} line
 */
export function formatLine(name, line) {
  const prefix = `${cyan(name.padEnd(WIDTH))} ${dim("|")} `;
  const record = parseRecord(line);
  if (!record) return prefix + oneLine(line);
  const level = LEVELS[record.level] ?? String(record.level).toUpperCase();
  const head = [
    dim(clock(record.time)),
    paint(level),
    oneLine(record.msg ?? ""),
  ];
  const fields = Object.entries(record)
    .filter(([key]) => !HIDDEN.has(key))
    .map(([key, value]) => dim(`${oneLine(key)}=`) + formatValue(value));
  return [[...head, ...fields].join(" "), ...stack(record.err)]
    .map((text) => prefix + text)
    .join("\n");
}

/** @param {string} line */
function parseRecord(line) {
  if (!line.startsWith("{")) return undefined;
  try {
    const record = JSON.parse(line);
    return "level" in record ? record : undefined;
  } catch {
    return undefined;
  }
}

/** @param {string | number} time epoch milliseconds or ISO 8601 */
function clock(time) {
  const date = new Date(time);
  return Number.isNaN(date.getTime())
    ? "--:--:--"
    : date.toTimeString().slice(0, 8);
}

/** @param {string} level */
function paint(level) {
  const text = level.padEnd(5);
  if (level === "ERROR" || level === "FATAL") return red(text);
  return level === "WARN" ? yellow(text) : text;
}

/** @param {unknown} value */
function formatValue(value) {
  if (typeof value === "number") return String(Math.round(value * 1e3) / 1e3);
  if (typeof value !== "string") return oneLine(JSON.stringify(value) ?? "");
  return /^[^\s"=]+$/.test(value)
    ? oneLine(value)
    : oneLine(JSON.stringify(value));
}

/** @param {{ type?: string, message?: string, stack?: string, code?: string } | undefined} error */
function stack(error) {
  if (!error) return [];
  const text =
    error.stack ?? [error.type, error.message].filter(Boolean).join(": ");
  return text.split("\n").map((line) => `    ${oneLine(line.trimEnd())}`);
}
