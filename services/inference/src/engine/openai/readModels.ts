/** Pure: the model in an upstream's list of models. */
import { parseJson } from "@jetscribe/event-log/codec/parseJson";
import * as z from "zod";

const Size = z.int().positive().optional().catch(undefined);
const Model = z
  .object({
    id: z.string(),
    /** `vllm`, `llamacpp`, `library` (Ollama) … */
    owned_by: z.string().optional().catch(undefined),
    /** vLLM's own field. */
    max_model_len: Size,
    /** llama-server's, for one slot. */
    meta: z.object({ n_ctx: Size }).optional().catch(undefined),
  })
  .transform(({ id, owned_by, max_model_len, meta }) => ({
    id,
    ownedBy: owned_by,
    contextSize: max_model_len ?? meta?.n_ctx,
  }));
/** What the list says of a model. */
export type ListedModel = z.infer<typeof Model>;

/** As OpenAI's API has it, or the list alone. */
const List = z.union([
  z.array(z.unknown()),
  z.object({ data: z.array(z.unknown()) }).transform(({ data }) => data),
]);

/** The models of the body of `/v1/models`; undefined: it is no such list. */
export function readModels(body: string): ListedModel[] | undefined {
  return List.safeParse(parseJson(body)).data?.flatMap((entry) => {
    const named = typeof entry === "string" ? { id: entry } : entry;
    return Model.safeParse(named).data ?? [];
  });
}
