import { go, hrefOf, route } from "../route.ts";

/**
 * The address with one parameter changed. Nothing where another page was opened meanwhile: a search field that goes with
 * its page loses the focus then.
 */
export function goWith(name: "status" | "q", value: string): void {
  const { page, id, query: before } = route.value;
  if (page !== "tasks" || id !== undefined) return;
  const query = new URLSearchParams(before);
  if (value === "") query.delete(name);
  else query.set(name, value);
  go(hrefOf("tasks", { query }), { replace: name === "q" });
}
