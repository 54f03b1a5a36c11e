/** The caller: what it asked for, and what it was told. */
import type { Fleet } from "./fleet.ts";

export interface Answer {
  /** 0: nobody answered. */
  status: number;
  body: Record<string, unknown>;
  /** An earlier call with the same Idempotency-Key made the task. */
  replayed?: boolean;
  /** When it was asked and answered, in ms since the epoch. */
  from: number;
  to: number;
}

const patienceMs = 20_000;

export async function call(
  { url, key }: Pick<Fleet, "url" | "key">,
  method: "GET" | "POST" | "DELETE",
  path: string,
  body?: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  const from = Date.now();
  let replayed = false;
  const answered = (status: number, body: Record<string, unknown>) => ({
    ...{ status, body, from, to: Date.now() },
    ...(replayed && { replayed }),
  });
  try {
    const response = await fetch(url + path, {
      method,
      headers: {
        ...headers,
        "x-api-key": key,
        ...(body !== undefined && { "content-type": "application/json" }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(patienceMs),
    });
    replayed = response.headers.get("idempotency-replayed") === "true";
    if (!response.headers.get("content-type")?.includes("json")) {
      // A stream, where none was asked for: that it came says all.
      await response.body?.cancel();
      return answered(response.status, {});
    }
    const answer = (await response.json()) as Record<string, unknown>;
    return answered(response.status, answer);
  } catch {
    return answered(0, {});
  }
}
