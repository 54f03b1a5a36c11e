/** Pure: the forms of a new key and of a changed one, as the bodies of `POST` and `PATCH /admin/keys`. */
import type { KeyResponse } from "@jetscribe/schema";

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

function textIn(form: FormData, name: string): string {
  const value = form.get(name);
  return typeof value === "string" ? value.trim() : "";
}

const scopesIn = (form: FormData) =>
  scopeNames.filter((name) => form.has(name));

/** Those that are not left empty. */
const limitsIn = (form: FormData): NonNullable<KeyResponse["limits"]> =>
  Object.fromEntries(
    limitNames.flatMap((name) => {
      const text = textIn(form, name);
      return text === "" ? [] : [[name, Number(text)] as const];
    }),
  );

function lifetimeIn(form: FormData) {
  const days = textIn(form, "days");
  return days === "" ? {} : { expires_in: Math.round(Number(days) * dayS) };
}

/** What is left empty is left out: the gateway says what is wrong with the rest. */
export function keyBody(form: FormData): object {
  const limits = limitsIn(form);
  return {
    name: textIn(form, "name"),
    scopes: scopesIn(form),
    ...(Object.keys(limits).length > 0 && { limits }),
    ...lifetimeIn(form),
    ...(form.has("rotate") && { rotate: true }),
  };
}

/** What differs from the key as it is: what somebody else changes meanwhile stays. */
export function changeBody(
  form: FormData,
  { scopes: before, limits: had = {} }: Pick<KeyResponse, "scopes" | "limits">,
): object {
  const [scopes, limits] = [scopesIn(form), limitsIn(form)];
  const isSame = scopeNames.every(
    (name) => scopes.includes(name) === before.includes(name),
  );
  return {
    ...(!isSame && { scopes }),
    ...(limitNames.some((name) => limits[name] !== had[name]) && { limits }),
    ...(form.has("never") ? { expires_at: null } : lifetimeIn(form)),
  };
}
