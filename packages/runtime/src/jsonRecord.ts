/** Pure: a pino record as log collectors read it, `LOG_FORMAT=json`. */

import pino from "pino";

interface PinoRecord {
  level: number;
  /** ms since the epoch. */
  time: number;
  service: string;
  msg?: string;
  [field: string]: unknown;
}

/** One line in, one line out, both without their end: the time in UTC, the level's name, the text as `message`. */
export function jsonRecord(line: string): string {
  const { level, time, service, msg, ...fields } = JSON.parse(
    line,
  ) as PinoRecord;
  return JSON.stringify({
    time: new Date(time).toISOString(),
    level: pino.levels.labels[level] ?? String(level),
    service,
    message: msg ?? "",
    ...fields,
  });
}
