/** From a request to the tokens that the model reads, through its own chat template. */
import {
  LlamaVocabularyType,
  resolveChatWrapper,
  SpecialToken,
  type ChatHistoryItem,
  type LlamaModel,
  type LlamaText,
  type Token,
} from "node-llama-cpp";
import type { Message } from "@jetscribe/schema";
import { EngineError, type EngineRequest } from "../engine.ts";

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
 * writes the template.
 */
export function makePromptReader(model: LlamaModel) {
  const wrapper = resolveChatWrapper(model, { warningLogs: false });
  const beginning = beginningToken(model);

  function readChat(messages: readonly Message[]): Unbegun {
    try {
      const { contextText, stopGenerationTriggers } =
        wrapper.generateContextState({ chatHistory: historyOf(messages) });
      return {
        tokens: contextText.tokenize(model.tokenizer),
        before: [],
        stops: stopsOf(stopGenerationTriggers, model),
      };
    } catch (cause) {
      throw new EngineError(
        "ValidationError",
        `the model's chat template refuses these messages: ${cause instanceof Error ? cause.message : String(cause)}`,
        { cause },
      );
    }
  }

  function readRaw(text: string): Unbegun {
    const tokens = model.tokenize(text, true);
    if (beginning !== null && tokens[0] !== beginning)
      tokens.unshift(beginning);
    return { tokens, before: tokens.slice(-tokensBefore), stops: noStops };
  }

  function readFresh({ prompt = "", messages, raw }: EngineRequest): Unbegun {
    if (messages !== undefined) return readChat(messages);
    if (raw === true) return readRaw(prompt);
    return readChat([{ role: "user", content: prompt }]);
  }

  return (request: EngineRequest): Prompt => {
    const fresh = readFresh(request);
    const { text = "" } = request.continueFrom ?? {};
    const begun = model.tokenize(text, false, "trimLeadingSpace");
    const before = [...fresh.before, ...begun].slice(-tokensBefore);
    return { ...fresh, begun, before };
  };
}

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
