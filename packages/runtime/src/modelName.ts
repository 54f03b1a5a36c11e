/**
 * The name of a model as people see it: the file's name without `.gguf`. `hf:user/Qwen2.5-7B-GGUF:Q4_K_M` is
 * `Qwen2.5-7B-GGUF-Q4_K_M`, so that two quantizations are two models.
 */
export function modelNameOf(model: string): string {
  const last = model.slice(lastSeparator(model) + 1);
  const name = last.replace(/\.gguf$/i, "").replaceAll(":", "-");
  return name === "" ? model : name;
}

const lastSeparator = (path: string): number =>
  Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\"));

/** The name of the model that these settings run, where they don't name it themselves. */
export const chooseModelName = (env: {
  MODEL_NAME?: string | undefined;
  MODEL: string;
  ENGINE?: string | undefined;
  UPSTREAM_MODEL?: string | undefined;
}): string =>
  env.MODEL_NAME ??
  modelNameOf(
    env.ENGINE === "openai" ? (env.UPSTREAM_MODEL ?? env.MODEL) : env.MODEL,
  );
