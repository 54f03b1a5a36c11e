/** Who is signed in: an API key, which stays in this page's memory and is sent to this gateway alone, or the token of a link. */
import { makeClient, type Client } from "@jetscribe/client";
import type { LimitsResponse } from "@jetscribe/schema";
import { batch, computed, signal } from "@preact/signals";
import { makeCall, surfaceHeader, type Call } from "./call.ts";
import { gatewayUrl } from "./gatewayUrl.ts";
import { keepLink, linkState } from "./link.ts";

/** Or the token of a link, which calls take in its place. */
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
  beginSession(key);
}

/** In the place of any link. */
export function beginSession(key: string): void {
  keepLink(undefined);
  batch(() => {
    signInError.value = undefined;
    linkState.value = { state: "none" };
    apiKey.value = key;
  });
}

/** The gateway does not take the key or the link, or no longer. */
export function dropKey(): void {
  const isKey = linkState.value.state === "none";
  if (!isKey) keepLink(undefined);
  batch(() => {
    apiKey.value = undefined;
    if (isKey) signInError.value = "The gateway does not take this key.";
    else linkState.value = { state: "ended" };
  });
}

/** A page that is loaded anew knows nothing: no key, no text of a task, nothing that was typed. */
export function signOut(): void {
  keepLink(undefined);
  location.reload();
}
