/** `DRAFT_MODEL`: a small model that guesses the main model's tokens, so both must have the same ones. */
import type {
  GgufFileInfo,
  GgufInsights,
  Llama,
  LlamaModel,
} from "node-llama-cpp";
import { EngineError } from "../engine.ts";
import { cutsBack } from "./internals.ts";

/** Of a GGUF's tokens: fills up the vocabulary, and never comes in a text. */
const unusedType = 5;

const specialTokens = {
  bos_token_id: "beginning-of-text",
  eos_token_id: "end-of-text",
} as const;

type Vocabulary = GgufFileInfo["metadata"]["tokenizer"]["ggml"];

/** Rejects with an EngineError that says why the model at `path` can't draft for this one. */
export async function loadDraftModel(
  llama: Llama,
  path: string,
  { ggufFileInfo: { metadata } }: GgufInsights,
): Promise<LlamaModel> {
  const refuse = (why: string) =>
    new EngineError("ModelLoadError", `the draft model ${path} ${why}`, {
      setting: "DRAFT_MODEL",
    });
  const draft = await llama
    .loadModel({ modelPath: path })
    .catch((cause: unknown) => {
      throw new EngineError(
        "ModelLoadError",
        `the draft model ${path} could not be loaded: ${String(cause)}`,
        { cause },
      );
    });
  const difference = differenceOf(
    draft.fileInfo.metadata.tokenizer.ggml,
    metadata.tokenizer.ggml,
  );
  if (difference !== undefined)
    throw refuse(
      `has another vocabulary than the model: ${difference}; a smaller model of the same family has the same one`,
    );
  if (!cutsBack(draft.fileInsights))
    throw refuse(
      "can't draft, as its cells can't be removed one by one (sliding window, recurrent layers); a model with full attention can",
    );
  return draft;
}

/** The tokens below this number are the same in both. */
export const sharedTokens = (draft: LlamaModel, model: LlamaModel): number =>
  Math.min(
    ...[draft, model].map(
      ({ fileInfo }) => fileInfo.metadata.tokenizer.ggml.tokens.length,
    ),
  );

/**
 * Why what one model writes is another text to the other one; undefined: nothing. One may have more tokens than the
 * other where these are unused ones.
 */
export function differenceOf(
  draft: Vocabulary,
  model: Vocabulary,
): string | undefined {
  const told = (what: string, ours: unknown, theirs: unknown) =>
    `its ${what} is ${JSON.stringify(ours) ?? "none"}, and the model's is ${JSON.stringify(theirs) ?? "none"}`;
  if (draft.model !== model.model)
    return told("tokenizer", draft.model, model.model);
  const common = Math.min(draft.tokens.length, model.tokens.length);
  for (const { token_type } of [draft, model]) {
    const types: readonly number[] = token_type;
    if (types.slice(common).some((type) => type !== unusedType))
      return `it has ${draft.tokens.length} tokens, and the model has ${model.tokens.length}`;
  }
  for (let id = 0; id < common; id++)
    if (draft.tokens[id] !== model.tokens[id])
      return told(`token ${id}`, draft.tokens[id], model.tokens[id]);
  for (const [key, name] of Object.entries(specialTokens)) {
    const id = key as keyof typeof specialTokens;
    if (draft[id] !== model[id])
      return told(`${name} token`, draft[id], model[id]);
  }
  return undefined;
}
