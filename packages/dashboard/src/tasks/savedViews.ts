/** Filters of the page Tasks by names that somebody gave them: kept in this browser, and sent nowhere. */
import { signal } from "@preact/signals";

export interface SavedView {
  name: string;
  /** As the address has it behind `#/tasks?`. */
  query: string;
}

const storedAs = "jetscribe.views";
export const maxViews = 50;

/** Pure: what is stored as views; a browser may hold anything there. */
export function readViews(text: string | null): SavedView[] {
  try {
    const all: unknown = JSON.parse(text ?? "[]");
    return Array.isArray(all) ? all.filter(isView).slice(0, maxViews) : [];
  } catch {
    return [];
  }
}

const isView = (one: unknown): one is SavedView =>
  typeof one === "object" &&
  one !== null &&
  typeof (one as SavedView).name === "string" &&
  typeof (one as SavedView).query === "string";

/** Pure: the views with one more; one of the same name is replaced. Undefined: there is no room for it. */
export function withView(
  views: readonly SavedView[],
  view: SavedView,
): SavedView[] | undefined {
  const others = views.filter(({ name }) => name !== view.name);
  if (others.length >= maxViews) return undefined;
  return [...others, view].sort((a, b) => a.name.localeCompare(b.name));
}

export const savedViews = signal<readonly SavedView[]>(readStored());

function readStored(): SavedView[] {
  try {
    return readViews(localStorage.getItem(storedAs));
  } catch {
    // The browser keeps nothing for this page.
    return [];
  }
}

/** Changes what is stored, which another tab may have changed. Throws where the browser keeps nothing for this page. */
export function changeViews(
  change: (views: readonly SavedView[]) => readonly SavedView[],
): void {
  const views = change(readStored());
  localStorage.setItem(storedAs, JSON.stringify(views));
  savedViews.value = views;
}
