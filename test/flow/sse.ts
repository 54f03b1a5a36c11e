/** A reader of Server-Sent Events, as a browser's EventSource is one. */
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
  let text = "";
  for await (const piece of response.body!.pipeThrough(
    new TextDecoderStream(),
  )) {
    text += piece;
    for (let end; (end = text.indexOf("\n\n")) >= 0;) {
      const event = parse(text.slice(0, end));
      text = text.slice(end + 2);
      if (event !== undefined) yield event;
    }
  }
}

/** Undefined: a comment, which keeps the connection alive. */
function parse(block: string): ServerEvent | undefined {
  const fields = new Map(
    block.split("\n").map((line) => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon), line.slice(colon + 1).trim()] as const;
    }),
  );
  const data = fields.get("data");
  if (data === undefined) return undefined;
  return {
    event: fields.get("event") ?? "message",
    id: fields.get("id"),
    data: JSON.parse(data) as Record<string, unknown>,
  };
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
