/** How far something is, on a terminal's standard error, once it has taken a second; removed at its end. */
import { makePaint } from "./paint.ts";
import { span } from "./times.ts";

const showAfterMs = 1_000;
const everyMs = 200;
const columns = 24;

export interface Progress extends Disposable {
  /** Of `total`; without a total it only shows the time. */
  set(done: number, total?: number, what?: string): void;
}

/** `isQuiet`: nothing is shown, as where the terminal shows the output itself. */
export function makeProgress(
  title: string,
  { isQuiet = false, stream = process.stderr } = {},
): Progress {
  if (isQuiet || !stream.isTTY)
    return { set: () => undefined, [Symbol.dispose]: () => undefined };
  const paint = makePaint(stream);
  const start = performance.now();
  let [done, total, what] = [0, 0, title];
  let shown = false;

  function show() {
    const elapsedMs = performance.now() - start;
    if (elapsedMs < showAfterMs) return;
    const line = describe({ what, done, total, seconds: elapsedMs / 1_000 });
    stream.write(`\r\x1b[2K${paint("dim", line.slice(0, stream.columns - 1))}`);
    shown = true;
  }
  const showing = setInterval(show, everyMs);
  showing.unref();
  return {
    set(...[newDone, newTotal = 0, newWhat = title]) {
      [done, total, what] = [newDone, newTotal, newWhat];
    },
    [Symbol.dispose]() {
      clearInterval(showing);
      if (shown) stream.write("\r\x1b[2K");
      shown = false;
    },
  };
}

/** `reading  ████████░░░░░░░░░░░░░░░░  34 %  152,000/s  12.00 s left` */
export function describe({
  what,
  done,
  total,
  seconds,
}: {
  what: string;
  done: number;
  total: number;
  seconds: number;
}): string {
  if (total === 0) return `${what}, ${span(seconds)} so far`;
  const share = Math.min(1, done / total);
  const full = Math.floor(share * columns);
  return [
    what,
    "█".repeat(full) + "░".repeat(columns - full),
    `${Math.floor(share * 100)} %`,
    `${Math.round(done / seconds).toLocaleString("en")}/s`,
    ...(done > 0
      ? [`${span(Math.ceil((seconds * (total - done)) / done))} left`]
      : []),
  ].join("  ");
}
