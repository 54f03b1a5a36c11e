/** Pure: the model in an upstream's list of models. */
import * as z from "zod";

/** What the list says of a model. */
export interface ListedModel {
  id: string;
  /** `vllm`, `llamacpp`, `library` (Ollama) … */
  ownedBy?: string;
  contextSize?: number;
}

const Size = z.int().positive().optional().catch(undefined);
const Model = z.object({
  id: z.string(),
  owned_by: z.string().optional().catch(undefined),
  /** vLLM's own field. */
  max_model_len: Size,
  /** llama-server's, for one slot. */
  meta: z.object({ n_ctx: Size }).optional().catch(undefined),
});
/** As OpenAI's API has it, or the list alone. */
const List = z.union([
  z.array(z.unknown()),
  z.object({ data: z.array(z.unknown()) }).transform(({ data }) => data),
]);

/** The models of the body of `/v1/models`; undefined: it is no such list. */
export function readModels(body: string): ListedModel[] | undefined {
  const list = List.safeParse(parse(body)).data;
  return list?.flatMap((entry) => {
    const model = Model.safeParse(
      typeof entry === "string" ? { id: entry } : entry,
    ).data;
    return model === undefined ? [] : [listedModel(model)];
  });
}

function listedModel({
  id,
  owned_by,
  max_model_len,
  meta,
}: z.infer<typeof Model>): ListedModel {
  const contextSize = max_model_len ?? meta?.n_ctx;
  return {
    id,
    ...(owned_by !== undefined && { ownedBy: owned_by }),
    ...(contextSize !== undefined && { contextSize }),
  };
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}
