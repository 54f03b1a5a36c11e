/** When the broker stored a message, in seconds since the epoch: to the nanosecond, as far as a number can hold it. */
export function storedTime(timestamp: string): number {
  const [, whole = "", part = ""] =
    /^([^.]*?)(?:\.(\d*))?Z$/.exec(timestamp) ?? [];
  const seconds = Date.parse(`${whole}Z`) / 1_000;
  return Number(`${seconds}${part.padEnd(9, "0")}`) / 1e9;
}
