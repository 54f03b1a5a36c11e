/** What a page of the dashboard does to its browser: tasks that hold its thread, frames that come late, memory. */
import type { Opened } from "../test/dashboard/browser.ts";
import { round } from "./figures.ts";

/** Frames that come later after the one before were missed by eyes. */
const LATE_MS = 100;

const watch = `
  const seen = { tasks: [], gaps: [] };
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) seen.tasks.push(duration);
  }).observe({ type: "longtask" });
  let last = performance.now();
  const frame = (now) => {
    seen.gaps.push(now - last);
    last = now;
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
  window.takeSeen = () => {
    const { tasks, gaps } = seen;
    [seen.tasks, seen.gaps] = [[], []];
    return { tasks, gaps };
  };`;

/** Begins to watch a page that is open. */
export async function watchPage({ page }: Pick<Opened, "page">) {
  const devtools = await page.context().newCDPSession(page);
  await page.evaluate(watch);

  /** Of the page's heap, after a collection. */
  async function heapMb(): Promise<number> {
    await devtools.send("HeapProfiler.collectGarbage");
    const { usedSize } = await devtools.send("Runtime.getHeapUsage");
    return round(usedSize / 1e6);
  }

  /** What the page did while the work went on. Long tasks are those of over 50 ms. */
  async function during(work: () => Promise<unknown>) {
    const before = await heapMb();
    await page.evaluate("void takeSeen()");
    const began = performance.now();
    await work();
    const seconds = (performance.now() - began) / 1_000;
    const seen: { tasks: number[]; gaps: number[] } =
      await page.evaluate("takeSeen()");
    return {
      seconds: round(seconds),
      long_tasks: seen.tasks.length,
      longest_task_ms: round(Math.max(0, ...seen.tasks)),
      late_frames: seen.gaps.filter((gap) => gap > LATE_MS).length,
      longest_gap_ms: round(Math.max(0, ...seen.gaps)),
      heap_before_mb: before,
      heap_after_mb: await heapMb(),
    };
  }

  return { during };
}
