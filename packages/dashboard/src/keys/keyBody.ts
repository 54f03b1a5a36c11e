/** Pure: the form of a new key as the body of `POST /admin/keys`. */

export const limitNames = [
  "max_tasks",
  "requests_per_minute",
  "tokens_per_day",
] as const;

/** The schema's scopes, in the order of the form. */
export const scopeNames = [
  "generate",
  "read",
  "read:text",
  "cancel",
  "metrics",
  "admin",
] as const;

const dayS = 86_400;

/** What is left empty is left out: the gateway says what is wrong with the rest. */
export function keyBody(form: FormData): object {
  const textOf = (name: string) => {
    const value = form.get(name);
    return typeof value === "string" ? value.trim() : "";
  };
  const limits = limitNames.flatMap((name) => {
    const text = textOf(name);
    return text === "" ? [] : [[name, Number(text)] as const];
  });
  const days = textOf("days");
  return {
    name: textOf("name"),
    scopes: scopeNames.filter((name) => form.has(name)),
    ...(limits.length > 0 && { limits: Object.fromEntries(limits) }),
    ...(days !== "" && { expires_in: Math.round(Number(days) * dayS) }),
    ...(form.has("rotate") && { rotate: true }),
  };
}
