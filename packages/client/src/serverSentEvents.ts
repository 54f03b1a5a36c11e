/** Server-Sent Events as the HTML standard has them (9.2.6), from a body's bytes. */

export interface ServerSentEvent {
  /** `message` where none is named. */
  event: string;
  /** Of this event; undefined: it has none. */
  id: string | undefined;
  data: string;
}

/**
 * Leaving the loop closes the body. An event without its empty line at the end is dropped. Throws where nothing came for
 * `silentForMs`, comments counted, or where the connection breaks.
 */
export async function* readServerSentEvents(
  body: ReadableStream<Uint8Array>,
  silentForMs: number,
): AsyncGenerator<ServerSentEvent, void, void> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  const parse = makeParser();
  try {
    for (;;) {
      const { done, value } = await within(silentForMs, reader.read());
      if (done) return;
      yield* parse(decoder.decode(value, { stream: true }));
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

async function within<T>(ms: number, reading: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const silence = new Promise<never>((_resolve, reject) => {
    const silent = () => reject(new Error(`nothing came for ${ms} ms`));
    timer = setTimeout(silent, ms);
  });
  try {
    return await Promise.race([reading, silence]);
  } finally {
    clearTimeout(timer);
  }
}

/** Takes text piece by piece, and returns the events that it completes. */
export function makeParser() {
  /** The line whose end has not come. */
  let rest = "";
  /** The text so far ends with a CR, whose LF may follow. */
  let endsWithCr = false;
  let event = "";
  let id: string | undefined;
  let data: string[] = [];

  function* parse(piece: string): Generator<ServerSentEvent, void, void> {
    if (piece === "") return;
    const text = endsWithCr && piece.startsWith("\n") ? piece.slice(1) : piece;
    endsWithCr = text === "" ? false : text.endsWith("\r");
    // A line may be of megabytes: it is looked at again only when it ends.
    if (!/[\r\n]/.test(text)) {
      rest += text;
      return;
    }
    const lines = (rest + text).split(/\r\n|\r|\n/);
    rest = lines.pop() ?? "";
    for (const line of lines)
      if (line !== "") takeField(line);
      else if (data.length > 0) yield takeEvent();
      else reset();
  }

  function takeEvent(): ServerSentEvent {
    const taken = { event: event || "message", id, data: data.join("\n") };
    reset();
    return taken;
  }

  function reset(): void {
    event = "";
    id = undefined;
    data = [];
  }

  /** A line that begins with a colon is a comment, whose field has no name. */
  function takeField(line: string): void {
    const colon = line.indexOf(":");
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (name === "event") event = value;
    if (name === "data") data.push(value);
    if (name === "id" && !value.includes("\0")) id = value;
  }

  return parse;
}
