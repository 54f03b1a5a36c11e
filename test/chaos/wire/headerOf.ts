/** The value of a header of a NATS message; "" where it has none of that name. */
export const headerOf = (headers: string, name: string): string =>
  new RegExp(`^${name}: ?(.*)\r$`, "m").exec(headers)?.[1] ?? "";
