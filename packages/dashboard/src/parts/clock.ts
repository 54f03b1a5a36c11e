import { signal } from "@preact/signals";

/** Now, in seconds since the epoch; it moves on once a second. */
export const nowS = signal(Date.now() / 1_000);

setInterval(() => {
  if (document.visibilityState === "visible") nowS.value = Date.now() / 1_000;
}, 1_000);
