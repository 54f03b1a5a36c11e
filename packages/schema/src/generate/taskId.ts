import { v7, validate, version } from "uuid";

/** A new task id: a UUIDv7 (RFC 9562), whose first 48 bits are the time; that time is the index into the log. */
export const newTaskId = (): string => v7();

/** The time in a task id, in milliseconds since the epoch; undefined for anything that is no UUIDv7 in lower case. */
export function taskIdTime(id: string): number | undefined {
  if (!validate(id) || version(id) !== 7 || id !== id.toLowerCase())
    return undefined;
  return Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
}
