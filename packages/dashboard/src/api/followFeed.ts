/** The event stream of a page, `GET /feed`: it comes back by itself, and nothing is missed then. */
import { readServerSentEvents } from "@jetscribe/client/serverSentEvents";
import { signal } from "@preact/signals";
import { CallError, problemIn } from "./call.ts";
import { gatewayUrl } from "./gatewayUrl.ts";
import { dropKey, type Session } from "./session.ts";

/** `refused`: it is not tried again. */
export type ConnectionState = "live" | "connecting" | "away" | "refused";

/** Of the page that is open. */
export const connection = signal<ConnectionState>("connecting");

export interface FeedFrame {
  event: string;
  data: unknown;
}

/** A connection on which nothing came for so long is given up: the gateway sends a comment every 15 s. */
const silentForMs = 45_000;
const firstPauseMs = 250;
const longestPauseMs = 8_000;

/**
 * Calls `take` with each frame until the signal aborts. `refused` hears why the gateway will not answer, whatever is
 * tried again: there is no such task, the key may not. A key that is not taken ends the session.
 */
export async function followFeed(
  { headers }: Session,
  query: URLSearchParams,
  options: {
    take: (frame: FeedFrame) => void;
    refused: (error: CallError) => void;
    signal: AbortSignal;
  },
): Promise<void> {
  const { take, refused, signal } = options;
  let lastId: string | undefined;
  let pauseMs = firstPauseMs;
  connection.value = "connecting";
  while (!signal.aborted) {
    try {
      const response = await fetch(`${gatewayUrl}/feed?${query}`, {
        headers: { ...headers, ...(lastId && { "last-event-id": lastId }) },
        signal,
      });
      if (!response.ok || !response.body) throw await refusalIn(response);
      for await (const frame of readServerSentEvents(
        response.body,
        silentForMs,
      )) {
        take({ event: frame.event, data: JSON.parse(frame.data) as unknown });
        lastId = frame.id;
        pauseMs = firstPauseMs;
        connection.value = "live";
      }
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof CallError && isFinal(error)) {
        connection.value = "refused";
        return error.status === 401 ? dropKey() : refused(error);
      }
    }
    connection.value = "away";
    await pause(pauseMs * (0.5 + Math.random()), signal);
    pauseMs = Math.min(longestPauseMs, 2 * pauseMs);
  }
}

const refusalIn = async (response: Response): Promise<CallError> => {
  const problem = await problemIn(response);
  const said = problem?.detail ?? problem?.title ?? response.statusText;
  return new CallError(response.status, said, problem);
};

/** What a later try will not change. */
const isFinal = ({ status }: CallError): boolean =>
  status >= 400 && status < 500 && status !== 408 && status !== 429;

/** Ends early when the machine is on the network again, or the page is looked at again. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const ended = new AbortController();
  const go = () => resolve();
  const options = { signal: ended.signal };
  setTimeout(go, ms);
  signal.addEventListener("abort", go, options);
  addEventListener("online", go, options);
  document.addEventListener("visibilitychange", go, options);
  return promise.finally(() => ended.abort());
}
