/** One connection of `GET /stream`, until the gateway ends it. */
import type { Fleet } from "./fleet.ts";
import type { KeyCall } from "./tenant.ts";

const patienceMs = 20_000;

export async function holdStream(
  { url, key }: Pick<Fleet, "url" | "key">,
  taskId: string,
  onOpen: () => void,
): Promise<KeyCall> {
  const from = Date.now();
  let status = 0;
  try {
    const response = await fetch(`${url}/stream/${taskId}`, {
      headers: { "x-api-key": key },
      signal: AbortSignal.timeout(patienceMs),
    });
    ({ status } = response);
    onOpen();
    for await (const chunk of response.body ?? []) void chunk;
  } catch {
    // It broke off, which is an end as well.
  }
  return { status, body: {}, from, to: Date.now(), url, what: "stream" };
}
