/** Server-sent events of a body that may hold anything. */
import { createParser, type EventSourceMessage } from "eventsource-parser";

/** The connection broke before the body was whole, or what came was no body at all. */
export class BrokenOff extends Error {
  override readonly name = "BrokenOff";
}

/** More than anybody needs. */
const maxEventChars = 2 ** 20;

/**
 * The events, in order; one that the end of the body cuts short counts as well. Rejects with BrokenOff, or with an error
 * that says that an event is too large; the body is cancelled wherever the reading ends.
 */
export async function* readEvents(
  body: ReadableStream<Uint8Array>,
): AsyncGenerator<EventSourceMessage, void> {
  const events: EventSourceMessage[] = [];
  const parser = createParser({
    maxBufferSize: maxEventChars,
    onEvent: (event) => void events.push(event),
    onError({ type }) {
      if (type === "max-buffer-size-exceeded")
        throw new Error(`an event has more than ${maxEventChars} characters`);
    },
  });
  for await (const text of readText(body)) {
    parser.feed(text);
    yield* events.splice(0);
  }
  parser.feed("\n\n");
  yield* events;
}

async function* readText(
  body: ReadableStream<Uint8Array>,
): AsyncGenerator<string, void> {
  const decoder = new TextDecoder();
  try {
    for await (const bytes of body)
      yield decoder.decode(bytes, { stream: true });
  } catch (cause) {
    throw new BrokenOff("the answer broke off", { cause });
  }
  yield decoder.decode();
}
