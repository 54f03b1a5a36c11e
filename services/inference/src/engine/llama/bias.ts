/** What is added to tokens' logits: by the request, and where a grammar holds the text. */
import type { LlamaModel, Token } from "node-llama-cpp";
import { EngineError } from "../engine.ts";

/** Undefined where nothing is added. Throws a ValidationError for a token that the model has not. */
export type BiasOf = (
  biases: Readonly<Record<string, number>> | undefined,
  hasGrammar: boolean,
) => ReadonlyMap<Token, number> | undefined;

/** Looks at every token of the model once. */
export function makeBiasOf(model: LlamaModel): BiasOf {
  const known = model.fileInfo.metadata.tokenizer.ggml.tokens.length;
  const textless = [...model.iterateAllTokens()].filter((token) =>
    isTextless(model, token),
  );

  return (biases = {}, hasGrammar) => {
    const all = new Map<Token, number>();
    for (const [id, logit] of Object.entries(biases)) {
      if (Number(id) >= known)
        throw new EngineError(
          "ValidationError",
          `logit_bias names token ${id}; the model has ${known}`,
        );
      all.set(Number(id) as Token, logit);
    }
    // The grammar sees their names, as if they were text, and would take them for parts of one.
    if (hasGrammar) for (const token of textless) all.set(token, -Infinity);
    return all.size > 0 ? all : undefined;
  };
}

/** The grammar itself decides when a text may end. */
function isTextless(model: LlamaModel, token: Token): boolean {
  const { control, unknown } = model.getTokenAttributes(token);
  return (control || unknown) && !model.isEogToken(token);
}
