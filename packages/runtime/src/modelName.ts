import * as z from "zod";

/**
 * The name of a model as people see it: the file's name without `.gguf`. `hf:user/Qwen2.5-7B-GGUF:Q4_K_M` is
 * `Qwen2.5-7B-GGUF-Q4_K_M`, so that two quantizations are two models.
 */
export function modelNameOf(model: string): string {
  const last = model.split(/[/\\]/).at(-1);
  const name = last?.replace(/\.gguf$/i, "").replaceAll(":", "-");
  return name || model;
}

/**
 * The name of the model that these settings run, where they don't name it themselves. A name that no slug can be made of
 * is an issue of the setting that it comes from.
 */
export function chooseModelName(
  env: {
    MODEL_NAME?: string | undefined;
    MODEL: string;
    ENGINE?: string | undefined;
    UPSTREAM_MODEL?: string | undefined;
  },
  context: z.RefinementCtx,
): string {
  const source =
    env.MODEL_NAME !== undefined
      ? "MODEL_NAME"
      : env.ENGINE === "openai" && env.UPSTREAM_MODEL !== undefined
        ? "UPSTREAM_MODEL"
        : "MODEL";
  const name = env.MODEL_NAME ?? modelNameOf(env[source] ?? env.MODEL);
  if (/[\p{L}\p{N}]/u.test(name)) return name;
  const helps = source === "MODEL_NAME" ? "" : ": set MODEL_NAME";
  const message = `a model's name needs a letter or a digit${helps}`;
  context.addIssue({ code: "custom", path: [source], message });
  return z.NEVER;
}
