import { vi } from "vitest";

/**
 * A module of the page, with what it needs of a browser in place. Its path is no constant: the page has a type check of its
 * own, which knows browsers. Undo it by `vi.unstubAllGlobals()`.
 */
export async function loadPart<Part>(path: string): Promise<Part> {
  const location = { hash: "#/now" };
  const go = (_state: unknown, _title: string, href: string) => {
    location.hash = href;
  };
  vi.stubGlobal("document", { baseURI: "http://any/dashboard/" });
  vi.stubGlobal("location", location);
  vi.stubGlobal("history", { pushState: go, replaceState: go });
  vi.stubGlobal("addEventListener", () => undefined);
  return (await import(`../src/${path}`)) as Part;
}
