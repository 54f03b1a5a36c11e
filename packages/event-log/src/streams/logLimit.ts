/**
 * The size of the log: `EVENTS_MAX_BYTES` is the limit up to which gateways accept requests, and the stream's own
 * `max_bytes` stands a quarter above it. That headroom takes what gateways accept between two looks at the log, so that
 * the outcome of every accepted task fits. The stream carries the one true limit: services read it from there.
 */

/** The stream's `max_bytes` for a limit, both in bytes. */
export const maxBytesOf = (limit: number): number =>
  limit + Math.ceil(limit / 4);

/** The limit that a stream's `max_bytes` stands for, both in bytes. */
export const limitOf = (maxBytes: number): number =>
  Math.floor((maxBytes * 4) / 5);

/** What the stream takes beyond a limit, in bytes. */
export const headroomOf = (limit: number): number => maxBytesOf(limit) - limit;
