/** How somebody comes in without typing a key: by an address that has a key or a read-only link in it. */
import type { LinkSelfResponse } from "@jetscribe/schema";
import { batch } from "@preact/signals";
import { go } from "../route.ts";
import { CallError, makeCall, messageOf } from "./call.ts";
import { gatewayUrl } from "./gatewayUrl.ts";
import { keepLink, keptLink, linkState } from "./link.ts";
import { apiKey, dropKey, beginSession } from "./session.ts";

/**
 * `npm start` prints an address that ends in `#key=…`, and links are shared as `#link=…`, with the page behind it that they
 * open. The secret is taken out of the address at once. Called when the page's address changes, too: somebody may open such
 * an address where the page is open already.
 */
export function enterByAddress(): void {
  const { hash } = location;
  const [, key] = /^#key=(.+)$/.exec(hash) ?? [];
  const [, token, page] = /^#link=([^/]*)(.*)$/.exec(hash) ?? [];
  if (key !== undefined) enterByKey(key);
  if (token === undefined) return;
  go(`#${page || "/now"}`, { replace: true });
  void openLink(token);
}

/** Called when the page opens: a link outlasts that the page is loaded anew. */
export function enter(): void {
  enterByAddress();
  const isNew = apiKey.value === undefined && linkState.value.state === "none";
  const token = isNew ? keptLink() : undefined;
  if (token !== undefined) void openLink(token);
}

function enterByKey(key: string): void {
  go("#/now", { replace: true });
  try {
    beginSession(decodeURIComponent(key));
  } catch {
    dropKey();
  }
}

/** Whoever was signed in sees from now on what the link shows. */
async function openLink(token: string): Promise<void> {
  const opening = { state: "opening" } as const;
  batch(() => {
    apiKey.value = undefined;
    linkState.value = opening;
  });
  keepLink(token);
  try {
    const ended = () => undefined;
    const call = makeCall(gatewayUrl, token, ended);
    const shows = await call<LinkSelfResponse>("/dashboard/links/self");
    // A key or another link may have come in the meantime.
    if (linkState.value !== opening) return;
    batch(() => {
      linkState.value = { state: "open", shows };
      apiKey.value = token;
    });
  } catch (error) {
    if (linkState.value !== opening) return;
    if (error instanceof CallError && error.status === 401) return dropKey();
    const again = () => void openLink(token);
    linkState.value = { state: "failed", why: messageOf(error), again };
  }
}
