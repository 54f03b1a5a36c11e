/** The page and its filters, as the address has them behind `#`: no server and no proxy sees them. */
import { computed, signal } from "@preact/signals";

export const pages = [
  "now",
  "tasks",
  "log",
  "workers",
  "health",
  "keys",
  "playground",
] as const;
export type PageName = (typeof pages)[number];

/** Those that can be shown as they were at a moment of the log. */
export const pagesOfEvents: ReadonlySet<PageName> = new Set([
  "now",
  "tasks",
  "log",
  "keys",
]);

/** Those that hear of what happens; the others show what was asked for. */
export const pagesWithFeed: ReadonlySet<PageName> = new Set([
  "now",
  "tasks",
  "log",
  "workers",
  "health",
]);

/** Those that are for who may change something. */
export const pagesOfKeys: ReadonlySet<PageName> = new Set([
  "keys",
  "playground",
]);

export interface Route {
  page: PageName;
  /** Of the task that is open: `#/tasks/<id>`. */
  id: string | undefined;
  query: URLSearchParams;
}

const hash = signal(location.hash);
addEventListener("hashchange", () => {
  hash.value = location.hash;
});

export const route = computed<Route>(() => {
  const [path = "", query = ""] = hash.value.replace(/^#\/?/, "").split("?");
  const [name, id] = path.split("/");
  const page = pages.find((page) => page === name) ?? "now";
  return { page, id: id || undefined, query: new URLSearchParams(query) };
});

/** `owner`: a task of another owner, for a key that may see it. */
export const taskHref = (id: string, owner?: string): string =>
  hrefOf("tasks", {
    id,
    ...(owner !== undefined && { query: new URLSearchParams({ owner }) }),
  });

/** A page of the past leads to other pages of the past. */
function keepMoment(page: PageName, query?: URLSearchParams): URLSearchParams {
  const kept = new URLSearchParams(query);
  const moment = route.value.query.get("at");
  if (moment !== null && pagesOfEvents.has(page)) kept.set("at", moment);
  return kept;
}

export const hrefOf = (
  page: PageName,
  { id, query }: { id?: string; query?: URLSearchParams } = {},
): string => {
  const search = keepMoment(page, query).toString();
  return `#/${page}${id ? `/${id}` : ""}${search ? `?${search}` : ""}`;
};

/** `replace`: without a step back to what was before, as while somebody types. */
export function go(href: string, { replace = false } = {}): void {
  if (href === location.hash) return;
  // The address has changed already, and its event is on its way: what somebody typed before is no more wanted.
  if (replace && location.hash !== hash.value) return;
  if (replace) history.replaceState(null, "", href);
  else history.pushState(null, "", href);
  hash.value = location.hash;
}
