/** The caller: what it asked for, and what it was told. */
import type { Fleet } from "./fleet.ts";

export interface Answer {
  /** 0: nobody answered. */
  status: number;
  body: Record<string, unknown>;
}

const patienceMs = 20_000;

export async function call(
  { url, key }: Pick<Fleet, "url" | "key">,
  method: "GET" | "POST",
  path: string,
  body?: unknown,
): Promise<Answer> {
  try {
    const response = await fetch(url + path, {
      method,
      headers: {
        "x-api-key": key,
        ...(body !== undefined && { "content-type": "application/json" }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(patienceMs),
    });
    const answer = (await response.json()) as Record<string, unknown>;
    return { status: response.status, body: answer };
  } catch {
    return { status: 0, body: {} };
  }
}
