/** What became of a message that a durable consumer delivered, and how the broker is told. */

/**
 * - done: nothing is left to do
 * - retry: it comes again after so many ms; 0: to whoever asks first
 * - lost: somebody else may have it; neither ack nor nak, which would take it away from them
 */
export type Handled =
  { kind: "done" } | { kind: "retry"; afterMs: number } | { kind: "lost" };

export function acknowledgement(
  handled: Exclude<Handled, { kind: "lost" }>,
): string {
  if (handled.kind === "done") return "+ACK";
  const { afterMs } = handled;
  if (afterMs === 0) return "-NAK";
  return `-NAK ${JSON.stringify({ delay: Math.round(afterMs * 1e6) })}`;
}
