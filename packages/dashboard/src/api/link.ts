/**
 * The read-only link by which the page was opened, if it was. Its token is kept for the tab (`sessionStorage`), unlike a key:
 * phones load tabs anew at will, and the token only reads, and ends by itself.
 */
import type { LinkSelfResponse } from "@jetscribe/schema";
import { computed, signal } from "@preact/signals";
import { gatewayUrl } from "./gatewayUrl.ts";

export type LinkState =
  | { state: "none" | "opening" | "ended" }
  | { state: "open"; shows: LinkSelfResponse }
  /** It may be a good link all the same. */
  | { state: "failed"; why: string; again: () => void };

export const linkState = signal<LinkState>({ state: "none" });

/** What the link shows. Undefined: a key was given, or nothing. */
export const link = computed<LinkSelfResponse | undefined>(() =>
  linkState.value.state === "open" ? linkState.value.shows : undefined,
);

/** Whether what changes something is left out. */
export const isReadOnly = computed(() => link.value !== undefined);

/** Of this gateway: others may serve their pages under the same origin. */
const place = `jetscribe.link ${gatewayUrl}`;

export function keptLink(): string | undefined {
  try {
    return sessionStorage.getItem(place) ?? undefined;
  } catch {
    // A browser may refuse to keep anything.
    return undefined;
  }
}

/** Undefined: nothing is kept from now on. */
export function keepLink(token: string | undefined): void {
  try {
    if (token === undefined) sessionStorage.removeItem(place);
    else sessionStorage.setItem(place, token);
  } catch {
    // As above.
  }
}
