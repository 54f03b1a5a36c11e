/** Which rows of a long list are in the page: those that can be seen, and a few around them. All rows have one height. */
import { useSignal } from "@preact/signals";
import type { RefObject } from "preact";
import { useEffect, useLayoutEffect } from "preact/hooks";

/** Rows outside of what can be seen, so that scrolling shows no gaps. */
export const spareRows = 12;

/** `seen`: the first row seen, and how many are; `measure` is to be called when the box has scrolled. */
export function useSeenRows(scroller: RefObject<HTMLElement | null>) {
  const seen = useSignal({ first: 0, rows: 40 });
  function measure(): void {
    const { current } = scroller;
    if (!current) return;
    const rowPx = rowHeight(current);
    const first = Math.floor(current.scrollTop / rowPx);
    const inView = Math.ceil(current.clientHeight / rowPx);
    if (seen.value.first !== first || seen.value.rows !== inView)
      seen.value = { first, rows: inView };
  }
  useLayoutEffect(measure, []);
  useEffect(() => {
    addEventListener("resize", measure);
    return () => removeEventListener("resize", measure);
  }, []);
  return { seen, measure };
}

export const heightOf = (rows: number) => ({
  height: `calc(var(--row) * ${Math.max(0, rows)})`,
});
export const rowHeight = (box: HTMLElement): number =>
  parseFloat(getComputedStyle(box).getPropertyValue("--row")) || 30;
