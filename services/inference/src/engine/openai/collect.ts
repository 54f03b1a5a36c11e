/** The chunks of an upstream as one text, with what it says of its end. */
import { EngineError, type GenerateOptions } from "../engine.ts";
import type { Delta, Usage } from "./readChunk.ts";
import { BrokenOff } from "./readEvents.ts";

/** Far more than max_tokens can be, and less than what ends a process. */
const maxChars = 2 ** 23;

export interface Collected {
  /** Without what was begun. */
  text: string;
  reasoning: string;
  /** As the upstream says it; empty: for no reason that is known; undefined: it says nothing of an end. */
  finish: string | undefined;
  promptTokens: number;
  completionTokens: number;
  cachedTokens: number;
}

/**
 * Collects the whole text. Until the upstream tells its numbers, a piece counts as one token. `begunTokens`: of the
 * text that was begun, which is part of the prompt there.
 */
export async function collect(
  chunks: AsyncIterable<Delta>,
  begunTokens: number,
  { onText, onRead }: Pick<GenerateOptions, "onText" | "onRead">,
): Promise<Collected> {
  const whole = wholeCharacters();
  const collected: Collected = {
    text: "",
    reasoning: "",
    finish: undefined,
    promptTokens: 0,
    completionTokens: begunTokens,
    cachedTokens: 0,
  };
  const take = (text: string) => {
    if (text === "") return;
    collected.text += text;
    const { promptTokens, completionTokens } = collected;
    onText(text, { promptTokens, completionTokens });
  };
  const takeDelta = (delta: Delta) => {
    collected.finish = collected.finish || (delta.finish ?? collected.finish);
    if (delta.usage)
      Object.assign(collected, countsOf(delta.usage, begunTokens));
    else if (delta.text !== "" || delta.reasoning !== "")
      collected.completionTokens += 1;
    collected.reasoning += delta.reasoning;
    if (delta.reasoning !== "") onRead?.();
    take(whole.next(delta.text));
    refuseEndless(collected);
  };
  try {
    for await (const delta of chunks) takeDelta(delta);
  } catch (error) {
    // What breaks off behind the end of the text costs nothing of it.
    if (!(error instanceof BrokenOff && collected.finish)) throw error;
  }
  take(whole.rest());
  return { ...collected, reasoning: collected.reasoning.toWellFormed() };
}

function countsOf({ prompt, completion, cached }: Usage, begunTokens: number) {
  const promptTokens = Math.max(0, prompt - begunTokens);
  return {
    promptTokens,
    completionTokens: begunTokens + completion,
    cachedTokens: Math.min(cached, promptTokens),
  };
}

function refuseEndless({ text, reasoning }: Collected): void {
  if (text.length + reasoning.length > maxChars)
    throw new EngineError(
      "RuntimeError",
      `the upstream sent more than ${maxChars} characters`,
    );
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
