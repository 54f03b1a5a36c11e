/** A reading is believed at least so long, in ms. */
const minMs = 250;
const maxMs = 5_000;
/** Readings of what waits take a twentieth of the time at most, however many queues are active. */
const share = 20;

/** How long a reading that took so many ms is believed, in ms. */
export const freshFor = (tookMs: number): number =>
  Math.min(Math.max(minMs, share * tookMs), maxMs);
