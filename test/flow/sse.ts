/** A reader of Server-Sent Events, as a browser's EventSource is one. */
import { EventSourceParserStream } from "eventsource-parser/stream";
import type { Running } from "./client.ts";

export interface ServerEvent {
  event: string;
  id: string | undefined;
  data: Record<string, unknown>;
}

/** Opens the stream of a task; rejects where the answer is no stream. Ends with the connection. */
export async function* readStream(
  { url, key }: Running,
  taskId: string,
  { lastEventId, signal }: { lastEventId?: string; signal?: AbortSignal } = {},
): AsyncGenerator<ServerEvent> {
  const response = await fetch(`${url}/stream/${taskId}`, {
    headers: {
      "x-api-key": key,
      ...(lastEventId !== undefined && { "last-event-id": lastEventId }),
    },
    ...(signal && { signal }),
  });
  const type = response.headers.get("content-type");
  if (response.status !== 200 || type !== "text/event-stream; charset=utf-8")
    throw new Error(`${response.status} ${type}`);
  const events = response
    .body!.pipeThrough(new TextDecoderStream())
    .pipeThrough(new EventSourceParserStream());
  for await (const { event = "message", id, data } of events)
    yield { event, id, data: JSON.parse(data) as ServerEvent["data"] };
}

/** The text that a reader has after these events. */
export function textOf(events: readonly ServerEvent[]): string {
  let text = "";
  for (const { event, data } of events) {
    if (event === "reset") text = "";
    if (event === "token") text += String(data["text"]);
  }
  return text;
}

/** All events of a stream, up to its end. */
export async function readAll(
  ...args: Parameters<typeof readStream>
): Promise<ServerEvent[]> {
  return await Array.fromAsync(readStream(...args));
}
