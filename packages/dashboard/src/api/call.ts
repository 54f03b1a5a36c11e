/** One call of the REST interface, sent once: a person sees what went wrong and repeats it. */
import type { Problem, Surface } from "@jetscribe/schema";

export type Call = <T>(
  path: string,
  options?: {
    body?: object;
    method?: "GET" | "POST" | "PATCH" | "DELETE";
    signal?: AbortSignal;
  },
) => Promise<T>;

/** Of every call that may show a text: the gateway records that a person reads it here. */
export const surfaceHeader = {
  "jetscribe-surface": "dashboard" satisfies Surface,
};

/** What a person is to read of a call that failed. */
export class CallError extends Error {
  override readonly name = "CallError";
  /** 0: there was no answer. */
  readonly status: number;
  readonly problem: Problem | undefined;
  constructor(status: number, message: string, problem?: Problem) {
    super(message);
    this.status = status;
    this.problem = problem;
  }
}

/** `onUnknownKey`: the gateway does not take the key. */
export const makeCall =
  (url: string, key: string, onUnknownKey: () => void): Call =>
  async <T>(path: string, options: Parameters<Call>[1] = {}) => {
    const { body, signal, method = body ? "POST" : "GET" } = options;
    const response = await fetch(url + path, {
      method,
      headers: {
        "x-api-key": key,
        ...surfaceHeader,
        ...(body && { "content-type": "application/json" }),
      },
      ...(body && { body: JSON.stringify(body) }),
      ...(signal && { signal }),
    }).catch(() => {
      signal?.throwIfAborted();
      throw new CallError(0, "The gateway can't be reached.");
    });
    if (response.ok) return (await response.json()) as T;
    const problem = await problemIn(response);
    const said = problem?.detail ?? problem?.title ?? response.statusText;
    if (response.status === 401) onUnknownKey();
    throw new CallError(response.status, said, problem);
  };

export async function problemIn(
  response: Response,
): Promise<Problem | undefined> {
  try {
    return (await response.json()) as Problem;
  } catch {
    return undefined;
  }
}

export const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error);
