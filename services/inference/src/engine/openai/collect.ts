/** The answer of an upstream as one text, with its end. */
import {
  EngineError,
  type EngineResult,
  type GenerateOptions,
} from "../engine.ts";
import { OddAnswer, readChunk, type Delta, type Usage } from "./readChunk.ts";
import { BrokenOff, readEvents } from "./readEvents.ts";

/** Far more than max_tokens can be, and less than what ends a process. */
const maxChars = 2 ** 23;
/** By these an upstream says that max_tokens, or its own limit, cut the text. */
const cut = new Set(["length", "max_tokens", "model_length"]);
/** By these it says that the text is not what the model would have written. Any other reason ends a text as it is. */
const failed = new Set(["content_filter", "error", "abort", "cancelled"]);

/**
 * Collects the text, up to its `[DONE]`. Until the upstream tells its numbers, a piece counts as one token.
 * `begunTokens`: of the text that was begun, which is part of the prompt there, and not of the result's text. Rejects
 * with OddAnswer, with an EngineError where the text has no end, or as `readEvents` does.
 */
export async function collect(
  { body, headers }: Response,
  begunTokens: number,
  { onText, onRead }: GenerateOptions,
): Promise<EngineResult> {
  const whole = wholeCharacters();
  let text = "";
  let reasoning = "";
  let counts = countsOf({ prompt: 0, completion: 0, cached: 0 }, begunTokens);
  let hasEvents = false;
  /** As the upstream says it; empty: for no reason that is known; undefined: it says nothing of an end. */
  let finish: string | undefined;

  function take(piece: string): void {
    if (piece === "") return;
    text += piece;
    const { promptTokens, completionTokens } = counts;
    onText(piece, { promptTokens, completionTokens });
  }
  function takeDelta(delta: Delta): void {
    finish = finish || (delta.finish ?? finish);
    if (delta.usage) counts = countsOf(delta.usage, begunTokens);
    else if (delta.text !== "" || delta.reasoning !== "")
      counts.completionTokens += 1;
    reasoning += delta.reasoning;
    if (delta.reasoning !== "") onRead?.();
    take(whole.next(delta.text));
    refuseEndless(text.length + reasoning.length);
  }

  try {
    for await (const { event, data } of body === null ? [] : readEvents(body)) {
      if (data.trim() === "") continue;
      hasEvents = true;
      if (data.trim() === "[DONE]") {
        // The text is whole, whether or not a reason was told.
        finish ??= "";
        break;
      }
      takeDelta(readChunk(event, data));
    }
  } catch (error) {
    // What breaks off behind the end of the text costs nothing of it.
    if (!(error instanceof BrokenOff && finish)) throw error;
  }
  const type = headers.get("content-type") ?? "no content type";
  if (!hasEvents)
    throw new OddAnswer(`it answered without an event, with ${type}`);
  take(whole.rest());
  return {
    ...counts,
    text,
    finishReason: finishReasonOf(finish, text + reasoning),
    ...(reasoning !== "" && { reasoning: reasoning.toWellFormed() }),
  };
}

function countsOf({ prompt, completion, cached }: Usage, begunTokens: number) {
  const promptTokens = Math.max(0, prompt - begunTokens);
  return {
    promptTokens,
    completionTokens: begunTokens + completion,
    cachedTokens: Math.min(cached, promptTokens),
  };
}

function refuseEndless(chars: number): void {
  if (chars > maxChars)
    throw new EngineError(
      "RuntimeError",
      `the upstream sent more than ${maxChars} characters`,
    );
}

function finishReasonOf(finish: string | undefined, all: string) {
  if (finish === undefined)
    throw new OddAnswer("the stream ended before the text did");
  if (finish === "" && all === "")
    throw new OddAnswer("it ended without a text and without a reason");
  const reason = finish.toLowerCase();
  if (failed.has(reason)) throw new OddAnswer(`it ended the text by ${reason}`);
  return cut.has(reason) ? "length" : "stop";
}

/** An upstream may cut a character in two, or send half of one. */
function wholeCharacters() {
  let half = "";
  return {
    next(piece: string): string {
      const text = half + piece;
      half = /[\uD800-\uDBFF]$/.exec(text)?.[0] ?? "";
      return text.slice(0, text.length - half.length).toWellFormed();
    },
    rest: () => half.toWellFormed(),
  };
}
