/** Pure: which keys are shown, and in what order. */
import type { KeyResponse } from "@jetscribe/schema";

/** Those of the settings first, then by name; of one name the newest first. */
export const shownKeys = (
  keys: readonly KeyResponse[],
  text: string,
  withEnded: boolean,
): KeyResponse[] =>
  keys
    .filter(({ status }) => withEnded || status === "active")
    .filter(({ name, prefix }) =>
      `${name}\n${prefix ?? ""}`.toLowerCase().includes(text.toLowerCase()),
    )
    .sort(
      (a, b) =>
        Number(a.source === "api") - Number(b.source === "api") ||
        a.name.localeCompare(b.name) ||
        (b.created_at ?? 0) - (a.created_at ?? 0),
    );
