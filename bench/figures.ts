/** What a measurement is given and gives; percentiles, medians, and numbers that are short enough to read. */

/** Row -> column -> figure. */
export type Figures = Record<string, Record<string, number>>;

export interface Options {
  tasks: number;
  /** How llama.cpp's server is started, to measure it beside. */
  llamaServer?: string | undefined;
  /** The card that real models run on; undefined: they run on the CPU. */
  card?: string | undefined;
}

/** Four digits are more than any of these measurements is worth. */
export const round = (value: number): number => Number(value.toPrecision(4));

export function percentiles(values: readonly number[]): {
  p50_ms: number;
  p99_ms: number;
} {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number) =>
    round(
      sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ??
        NaN,
    );
  return { p50_ms: at(0.5), p99_ms: at(0.99) };
}

/** Of the line through the values that fits best: what each one has more than the one before. */
export function slopeOf(values: readonly number[]): number {
  const mean = (values.length - 1) / 2;
  let [above, below] = [0, 0];
  for (const [i, value] of values.entries()) {
    above += (i - mean) * value;
    below += (i - mean) ** 2;
  }
  return above / below;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const upper = sorted[sorted.length >> 1] ?? NaN;
  if (sorted.length % 2) return upper;
  return ((sorted[sorted.length / 2 - 1] ?? NaN) + upper) / 2;
}

/** Of each column. */
export function medians(
  rows: readonly Record<string, number>[],
): Record<string, number> {
  const names = Object.keys(rows[0] ?? {});
  return Object.fromEntries(
    names.map((name) => [name, median(rows.map((row) => row[name] ?? NaN))]),
  );
}
