/** Notices that something has been silent for too long. */

export type Watchdog = ReturnType<typeof watchSilence>;

const ticks = 10;

/**
 * Calls back once after so much silence. It counts its own ticks and reads no clock: where this process was frozen
 * itself, what was said meanwhile is still to be heard.
 */
export function watchSilence(limitMs: number, onSilent: () => void) {
  let silent = 0;
  const timer = setInterval(() => {
    if (++silent <= ticks) return;
    clearInterval(timer);
    onSilent();
  }, limitMs / ticks);
  return {
    /** It gave a sign of life. */
    heard: () => void (silent = 0),
    [Symbol.dispose]: () => clearInterval(timer),
  };
}
