/** Pure: the headers of a webhook, by Standard Webhooks. */
import { createHmac } from "node:crypto";

/**
 * `secrets`: the newest first; it is signed with each, so that a receiver may know either. `sentAt`: seconds since the
 * epoch, of this attempt.
 */
export function signedHeaders(
  id: string,
  body: string,
  secrets: readonly Buffer[],
  sentAt: number,
): Record<string, string> {
  const timestamp = String(Math.floor(sentAt));
  const signatures = secrets.map((secret) => {
    const hmac = createHmac("sha256", secret);
    return `v1,${hmac.update(`${id}.${timestamp}.${body}`).digest("base64")}`;
  });
  return {
    "webhook-id": id,
    "webhook-timestamp": timestamp,
    "webhook-signature": signatures.join(" "),
  };
}
