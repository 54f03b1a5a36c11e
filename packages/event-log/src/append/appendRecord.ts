/** One event into a stream of its own, beside the log: of a key, of a reading. */
import { publishTimeoutMs } from "@jetscribe/schema";
import type { Broker } from "../broker/connection.ts";
import { makeHeaders } from "../codec/headers.ts";
import { AppendError, readPubAck, type Appended } from "./append.ts";

/**
 * Resolves once the broker has stored it. Rejects with an AppendError; after `unknown` it may be stored.
 * `headers`: each is `name: value` with a line end behind it; ASCII.
 */
export async function appendRecord(
  { connected, nc }: Pick<Broker, "connected" | "nc">,
  subject: string,
  { headers, data }: { headers: string; data: object },
): Promise<Appended> {
  // It would be kept back, and stored after its caller gave up.
  if (!connected)
    throw new AppendError("unavailable", "not connected to the broker");
  const answer = await nc
    .request(subject, JSON.stringify(data), {
      ...{ headers: makeHeaders(headers), timeout: publishTimeoutMs },
    })
    .catch((error: unknown) => {
      throw new AppendError("unknown", String(error));
    });
  return readPubAck(answer);
}
