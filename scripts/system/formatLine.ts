import { cyan, dim, oneLine, red, yellow } from "../install/print.mjs";
import { serviceOf } from "./services.ts";

const nameWidth = 9;
const hiddenFields = new Set(
  "level time msg service pid hostname v err".split(" "),
);
/** Of pino's levels 10, 20 … 60. */
const levelNames = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];

/** The fields of a pino record that are known here. */
interface LogRecord {
  level: number;
  /** ms since the epoch. */
  time: number;
  msg?: string;
  err?: { type?: string; message?: string; stack?: string };
}

/**
 * A line of the service `name` for people: `gateway   | 12:00:01 INFO  message key=value`, with the stack of an error
 * below it. Anything that is no log record stays as it is, behind the prefix.
 */
export function formatLine(name: string, line: string): string {
  const prefix = `${cyan(name.padEnd(nameWidth))} ${dim("|")} `;
  const record = parseRecord(line);
  if (!record) return prefix + oneLine(line);
  const level = levelNames[record.level / 10 - 1] ?? String(record.level);
  const head = [
    dim(new Date(record.time).toTimeString().slice(0, 8)),
    paint(level),
    oneLine(record.msg ?? ""),
  ];
  const fields = Object.entries(record)
    .filter(([key]) => !hiddenFields.has(key))
    .map(([key, value]) => dim(`${oneLine(key)}=`) + formatValue(value));
  return [[...head, ...fields].join(" "), ...stack(record.err)]
    .map((text) => prefix + text)
    .join("\n");
}

/** How the lines of services are printed, by LOG_FORMAT. */
export const lineFormat = (format: string | undefined) =>
  format === "json" ? formatJson : formatLine;

/** A line of the service `name` for log collectors: what is no log record already becomes one. */
function formatJson(name: string, line: string): string {
  if (parseRecord(line)) return line;
  const time = new Date().toISOString();
  const head = { time, level: "error", service: serviceOf(name) };
  return JSON.stringify({ ...head, message: line });
}

function parseRecord(line: string): LogRecord | undefined {
  if (!line.startsWith("{")) return undefined;
  try {
    const record = JSON.parse(line) as LogRecord;
    return "level" in record ? record : undefined;
  } catch {
    return undefined;
  }
}

function paint(level: string): string {
  const text = level.padEnd(5);
  if (level === "ERROR" || level === "FATAL") return red(text);
  return level === "WARN" ? yellow(text) : text;
}

function formatValue(value: unknown): string {
  if (typeof value === "number") return String(Math.round(value * 1e3) / 1e3);
  const isBare = typeof value === "string" && /^[^\s"=]+$/.test(value);
  return oneLine(isBare ? value : (JSON.stringify(value) ?? ""));
}

function stack(error: LogRecord["err"]): string[] {
  if (!error) return [];
  const text =
    error.stack ?? [error.type, error.message].filter(Boolean).join(": ");
  return text.split("\n").map((line) => `    ${oneLine(line.trimEnd())}`);
}
