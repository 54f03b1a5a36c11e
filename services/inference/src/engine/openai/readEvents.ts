/** Server-sent events of a body that may hold anything, read as the WHATWG's specification says. */

export interface SentEvent {
  /** `message` where the sender names none. */
  type: string;
  data: string;
}

/** The connection broke before the body was whole, or what came was no body at all. */
export class BrokenOff extends Error {
  override readonly name = "BrokenOff";
}

/** An event has more characters than anybody needs. */
export class OversizedEvent extends Error {
  override readonly name = "OversizedEvent";
}

const maxEventChars = 2 ** 20;

/**
 * The events, in order; one that the end of the body cuts short counts as well. Rejects with BrokenOff or
 * OversizedEvent; the body is cancelled wherever the reading ends.
 */
export async function* readEvents(
  body: ReadableStream<Uint8Array>,
): AsyncGenerator<SentEvent, void> {
  let type = "";
  let data: string[] = [];
  let chars = 0;
  const finish = (): SentEvent[] => {
    const event = { type: type || "message", data: data.join("\n") };
    const isOne = data.length > 0;
    [type, data, chars] = ["", [], 0];
    return isOne ? [event] : [];
  };
  for await (const line of readLines(body)) {
    if (line === "") {
      yield* finish();
      continue;
    }
    const [, field, value = ""] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? [];
    if (field === "event") type = value;
    if (field === "data") data.push(value);
    chars += line.length;
    if (chars > maxEventChars) throw oversized();
  }
  yield* finish();
}

/** A line ends by CRLF, LF or CR. */
async function* readLines(
  body: ReadableStream<Uint8Array>,
): AsyncGenerator<string, void> {
  let line = "";
  // The first half of a CRLF, perhaps.
  let carriageReturn = "";
  for await (const piece of readText(body)) {
    let text = carriageReturn + piece;
    carriageReturn = text.endsWith("\r") ? "\r" : "";
    text = text.slice(0, text.length - carriageReturn.length);
    const [first = "", ...others] = text.split(/\r\n|\n|\r/);
    line += first;
    for (const other of others) {
      yield line;
      line = other;
    }
    if (line.length > maxEventChars) throw oversized();
  }
  if (line !== "") yield line;
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

const oversized = () =>
  new OversizedEvent(`an event has more than ${maxEventChars} characters`);
