/** The chunks of an upstream as one text, with what it says of its end. */
import { EngineError, type GenerateOptions } from "../engine.ts";
import type { Said, Usage } from "./chunk.ts";
import { BrokenOff } from "./serverSentEvents.ts";

/** Far more than max_tokens can be, and less than what ends a process. */
const mostChars = 2 ** 23;

export interface Heard {
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
 * Hears the whole text out. Until the upstream tells its numbers, a piece counts as one token. `begunTokens`: of the
 * text that was begun, which is part of the prompt there.
 */
export async function hear(
  chunks: AsyncIterable<Said>,
  begunTokens: number,
  { onText, onRead }: Pick<GenerateOptions, "onText" | "onRead">,
): Promise<Heard> {
  const whole = wholeCharacters();
  const heard: Heard = {
    text: "",
    reasoning: "",
    finish: undefined,
    promptTokens: 0,
    completionTokens: begunTokens,
    cachedTokens: 0,
  };
  const take = (text: string) => {
    if (text === "") return;
    heard.text += text;
    const { promptTokens, completionTokens } = heard;
    onText(text, { promptTokens, completionTokens });
  };
  const takeSaid = (said: Said) => {
    heard.finish = heard.finish || (said.finish ?? heard.finish);
    if (said.usage) Object.assign(heard, countsOf(said.usage, begunTokens));
    else if (said.text !== "" || said.reasoning !== "")
      heard.completionTokens += 1;
    heard.reasoning += said.reasoning;
    if (said.reasoning !== "") onRead?.();
    take(whole.next(said.text));
    refuseEndless(heard);
  };
  try {
    for await (const said of chunks) takeSaid(said);
  } catch (error) {
    // What breaks off behind the end of the text costs nothing of it.
    if (!(error instanceof BrokenOff && heard.finish)) throw error;
  }
  take(whole.rest());
  return { ...heard, reasoning: heard.reasoning.toWellFormed() };
}

function countsOf({ prompt, completion, cached }: Usage, begunTokens: number) {
  const promptTokens = Math.max(0, prompt - begunTokens);
  return {
    promptTokens,
    completionTokens: begunTokens + completion,
    cachedTokens: Math.min(cached, promptTokens),
  };
}

function refuseEndless({ text, reasoning }: Heard): void {
  if (text.length + reasoning.length > mostChars)
    throw new EngineError(
      "RuntimeError",
      `the upstream sent more than ${mostChars} characters`,
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
