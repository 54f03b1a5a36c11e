/** Who is signed in: an API key, which stays in this page's memory and is sent to this gateway alone. */
import { makeClient, type Client } from "@jetscribe/client";
import type { LimitsResponse } from "@jetscribe/schema";
import { computed, signal } from "@preact/signals";
import { makeCall, surfaceHeader, type Call } from "./call.ts";

/** The gateway that served the page, with the path that a proxy serves it under; without a slash at its end. */
export const gatewayUrl = new URL("..", document.baseURI).href.replace(
  /\/$/,
  "",
);

export const apiKey = signal<string | undefined>(undefined);

export interface Session {
  /** Repeats what fails in passing, as programs want it. */
  client: Client;
  call: Call;
  /** Of a call: they have the key. */
  headers: Readonly<Record<string, string>>;
}

/** Undefined: nobody is signed in. */
export const session = computed<Session | undefined>(() =>
  apiKey.value === undefined ? undefined : sessionOf(apiKey.value),
);

const sessionOf = (key: string): Session => ({
  client: makeClient({ url: gatewayUrl, apiKey: key, fetch: fetchHere }),
  call: makeCall(gatewayUrl, key, dropKey),
  headers: { "x-api-key": key },
});

const fetchHere: typeof fetch = (input, init) => {
  const headers = new Headers(init?.headers);
  for (const [name, value] of Object.entries(surfaceHeader))
    headers.set(name, value);
  return fetch(input, { ...init, headers });
};

/** Why the last session ended, or could not begin. */
export const signInError = signal<string | undefined>(undefined);

/** Rejects with what the gateway says where it doesn't take the key. */
export async function signIn(key: string): Promise<void> {
  const refuse = () => undefined;
  await makeCall(gatewayUrl, key, refuse)<LimitsResponse>("/limits");
  signInError.value = undefined;
  apiKey.value = key;
}

/** The gateway does not take the key, or no longer. */
export function dropKey(): void {
  apiKey.value = undefined;
  signInError.value = "The gateway does not take this key.";
}

/** A page that is loaded anew knows nothing: no key, no text of a task, nothing that was typed. */
export const signOut = (): void => location.reload();

/**
 * `npm start` prints an address that ends in `#key=…`: the key is taken out of the address at once. Called when the page
 * opens, and when its address changes: somebody may open that address where the page is open already.
 */
export function signInByLink(): void {
  const [, key] = /^#key=(.+)$/.exec(location.hash) ?? [];
  if (key === undefined) return;
  history.replaceState(null, "", "#/now");
  try {
    apiKey.value = decodeURIComponent(key);
  } catch {
    dropKey();
  }
}
