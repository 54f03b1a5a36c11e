/** From a request to the tokens that the model reads, through its own chat template. */
import {
  LlamaText,
  LlamaVocabularyType,
  resolveChatWrapper,
  SpecialToken,
  SpecialTokensText,
  type ChatHistoryItem,
  type LlamaModel,
  type Token,
} from "node-llama-cpp";
import type { Message } from "@jetscribe/schema";
import { EngineError, refuseOverlong, type EngineRequest } from "../engine.ts";
import { makeTokenizer, type Reading } from "./tokenizeInSlices.ts";
import { readVocabulary } from "./vocabulary.ts";

export interface Prompt {
  /** Without those of the begun text. */
  tokens: Token[];
  /** The text that an earlier attempt began. */
  begun: Token[];
  /** The last tokens of a raw or a begun text: they decide whether the continuation begins with a space. */
  before: Token[];
  stops: Stops;
}

/** What ends a text besides the model's end-of-generation tokens. */
export interface Stops {
  texts: string[];
  /** Sequences with a special token among them, which has no text. */
  tokens: Token[][];
}

const tokensBefore = 4;

export const noStops: Stops = { texts: [], tokens: [] };

/**
 * Makes the function that turns requests into tokens. What users write never becomes a special token in a chat (a
 * `<|im_end|>` in a message is seven ordinary tokens); in a raw prompt it does, since raw means that the caller
 * writes the template. The function rejects with a ValidationError where prompt and max_tokens do not fit the context,
 * as soon as that is certain: of a text of megabytes before it is tokenized.
 */
export function makePromptReader(model: LlamaModel) {
  const wrapper = resolveChatWrapper(model, { warningLogs: false });
  const beginning = beginningToken(model);
  const vocabulary = readVocabulary(model);
  const tokenize = makeTokenizer(model, vocabulary);

  async function readChat(
    messages: readonly Message[],
    reading: Reading,
  ): Promise<Unbegun> {
    const { contextText, stops } = writeChat(messages);
    const tokens = await tokenize(contextText, reading);
    return { tokens, before: [], stops };
  }

  function writeChat(messages: readonly Message[]) {
    try {
      const { contextText, stopGenerationTriggers } =
        wrapper.generateContextState({ chatHistory: historyOf(messages) });
      return { contextText, stops: stopsOf(stopGenerationTriggers, model) };
    } catch (cause) {
      throw new EngineError(
        "ValidationError",
        `the model's chat template refuses these messages: ${cause instanceof Error ? cause.message : String(cause)}`,
        { cause },
      );
    }
  }

  async function readRaw(text: string, reading: Reading): Promise<Unbegun> {
    const raw = LlamaText([new SpecialTokensText(text)]);
    const tokens = await tokenize(raw, reading);
    if (beginning !== null && tokens[0] !== beginning)
      tokens.unshift(beginning);
    return { tokens, before: tokens.slice(-tokensBefore), stops: noStops };
  }

  async function readFresh(
    { prompt = "", messages, raw }: EngineRequest,
    reading: Reading,
  ): Promise<Unbegun> {
    if (messages !== undefined) return await readChat(messages, reading);
    if (raw === true) return await readRaw(prompt, reading);
    return await readChat([{ role: "user", content: prompt }], reading);
  }

  return async (
    request: EngineRequest,
    contextSize: number,
    signal: AbortSignal,
  ): Promise<Prompt> => {
    const { max_tokens } = request.params;
    const refuseFrom = (atLeast: number) =>
      refuseOverlong(atLeast, max_tokens, contextSize, "at least ");
    refuseFrom(Math.ceil(lengthOf(request) / vocabulary.longestToken));
    const fresh = await readFresh(request, { refuseFrom, signal });
    refuseOverlong(fresh.tokens.length, max_tokens, contextSize);
    const { text = "" } = request.continueFrom ?? {};
    const begun = model.tokenize(text, false, "trimLeadingSpace");
    const before = [...fresh.before, ...begun].slice(-tokensBefore);
    return { ...fresh, begun, before };
  };
}

const lengthOf = ({ prompt = "", messages = [] }: EngineRequest): number =>
  messages.reduce((sum, { content }) => sum + content.length, prompt.length);

type Unbegun = Omit<Prompt, "begun">;

/** The token that llama.cpp itself would put before a text for this model. */
function beginningToken({ vocabularyType, tokens }: LlamaModel): Token | null {
  const { rwkv, ugm, wpm } = LlamaVocabularyType;
  if (vocabularyType === rwkv || vocabularyType === ugm) return null;
  if (vocabularyType === wpm || tokens.shouldPrependBosToken) return tokens.bos;
  return null;
}

/** The conversation, with an empty answer at its end for the model to fill. */
const historyOf = (messages: readonly Message[]): ChatHistoryItem[] => [
  ...messages.map(({ role, content }): ChatHistoryItem => {
    switch (role) {
      case "system":
        return { type: "system", text: content };
      case "user":
        return { type: "user", text: content };
      case "assistant":
        return { type: "model", response: [content] };
    }
  }),
  { type: "model", response: [""] },
];

function stopsOf(triggers: readonly LlamaText[], model: LlamaModel): Stops {
  const stops: Stops = { texts: [], tokens: [] };
  for (const trigger of triggers) {
    const tokens = trigger.tokenize(model.tokenizer);
    if (tokens.some((token) => model.isSpecialToken(token)))
      stops.tokens.push(tokens);
    // A template's special token that this model does not have can only come as text.
    else if (!trigger.values.some((value) => value instanceof SpecialToken))
      stops.texts.push(trigger.toString());
  }
  return { ...stops, texts: [...new Set(stops.texts)].filter(Boolean) };
}
