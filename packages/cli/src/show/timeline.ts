/** Where a task's time went: one line for each part, with a bar where it lies in the whole. */
import type { TaskTiming, TimingPart } from "@jetscribe/schema";
import { plain, type Paint, type Style } from "./paint.ts";
import { span } from "./times.ts";

const styles: Record<TimingPart["part"], Style> = {
  gateway: "gray",
  scheduled: "gray",
  queue: "yellow",
  prompt: "blue",
  generation: "green",
  running: "green",
};

/** Columns before the bar, and the fewest and most of a bar. */
const before = 26;
const bar = { min: 20, max: 60, behind: 24 };

export function timeline(
  { start, total, parts }: TaskTiming,
  paint: Paint,
  width: number,
): string[] {
  const columns = Math.max(
    bar.min,
    Math.min(bar.max, width - before - bar.behind),
  );
  let attempt = 0;
  return parts.map(({ part, seconds, worker_id, ...at }) => {
    const isNew = worker_id !== undefined && at.attempt !== attempt;
    if (isNew) attempt = at.attempt;
    const whose = isNew ? `attempt ${attempt}, ${plain(worker_id)}` : "";
    const drawn = barOf(at.start - start, seconds, total, columns);
    const line = [
      `  ${part.padEnd(11)}${span(seconds).padStart(10)}  `,
      paint(styles[part], drawn.padEnd(columns)),
      whose === "" ? "" : `  ${paint("dim", whose)}`,
    ];
    return line.join("").trimEnd();
  });
}

/** What is too short for a column is drawn as a thin one. */
function barOf(
  from: number,
  seconds: number,
  total: number,
  columns: number,
): string {
  const perColumn = total > 0 ? total / columns : 1;
  const begin = Math.min(columns - 1, Math.floor(from / perColumn));
  const length = Math.round(seconds / perColumn);
  const room = columns - begin;
  return (
    " ".repeat(begin) +
    (length === 0 ? "▏" : "█".repeat(Math.min(length, room)))
  );
}
