/** Forgets all but the newest of steps, by their starts. */
export function keepNewest(byStart: Map<number, unknown>): void {
  if (byStart.size < 2) return;
  const newest = Math.max(...byStart.keys());
  for (const start of byStart.keys()) if (start < newest) byStart.delete(start);
}
