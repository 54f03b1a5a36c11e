/** Debian's Chromium, driven by Playwright: the machine's own, or unpacked into `.local` where there is none. */
import { AxeBuilder } from "@axe-core/playwright";
import { makeClient, type Client } from "@jetscribe/client";
import { startStack, type Stack } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import {
  chromium as playwright,
  type Browser,
  type BrowserContextOptions,
  type Page,
} from "playwright-core";
import { afterAll, beforeAll, describe } from "vitest";
import { distribution, unpackDebs } from "../../scripts/install/debs.mjs";
import { withLock } from "../../scripts/install/lock.mjs";
import { localDir } from "../../scripts/install/project.mjs";
import { onPath } from "../../scripts/install/setup.mjs";

interface Program {
  executablePath: string;
  env: NodeJS.ProcessEnv;
}

const names = ["chromium", "chromium-browser", "google-chrome"];

/** Undefined where the machine has none and none can be brought. */
export async function findChromium(): Promise<Program | undefined> {
  const [own] = names.flatMap(onPath);
  if (own !== undefined) return { executablePath: own, env: process.env };
  const debian = distribution();
  if (debian?.id !== "debian") return undefined;
  const dir = join(localDir, "chromium");
  await withLock(`${dir}.lock`, async () => {
    if (!existsSync(dir))
      await unpackDebs(debian, debian.codename, ["chromium"], dir);
  }).catch((error: unknown) => {
    console.warn("without Chromium:", error);
  });
  const executablePath = join(dir, "usr/lib/chromium/chromium");
  if (!existsSync(executablePath)) return undefined;
  const folders = ["usr/lib", "lib"].map(
    (folder) =>
    join(dir, folder, process.arch === "arm64" ? "aarch64-linux-gnu" : "x86_64-linux-gnu"), // prettier-ignore
  );
  const LD_LIBRARY_PATH = folders.join(":");
  return { executablePath, env: { ...process.env, LD_LIBRARY_PATH } };
}

// Without its sandbox it also starts for root, and in a container.
export const startChromium = ({
  executablePath,
  env,
}: Program): Promise<Browser> =>
  playwright.launch({
    executablePath,
    env,
    args: ["--no-sandbox"],
  });

export interface Opened extends AsyncDisposable {
  page: Page;
  /** What the browser complained of: errors of scripts, and what the Content-Security-Policy refused. */
  complaints: string[];
}

/** A page of its own: nothing is kept of the pages before. */
export async function openPage(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
): Promise<Opened> {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on("pageerror", ({ message }) => complaints.push(message));
  page.on("console", (said) => {
    // A refused call is told there too, whatever the page makes of it.
    if (said.type() === "error" && !said.text().startsWith("Failed to load"))
      complaints.push(said.text());
  });
  await page.goto(url);
  return {
    page,
    complaints,
    [Symbol.asyncDispose]: () => context.close(),
  };
}

/** No violation of any rule that axe has. */
export async function assertAccessible(page: Page): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  const told = violations.map(
    ({ id, help, nodes }) =>
      `${id}: ${help}: ${nodes.map((n) => n.html).join("; ")}`,
  );
  assert.deepEqual(told, []);
}

/** What the tests of a file share. */
export interface Dashboard {
  readonly stack: Stack;
  readonly browser: Browser;
  /** Of the system's first key. */
  client: () => Client;
  /** The page's address, without its fragment. */
  home: () => string;
  /** The page, signed in; `hash`: what stands behind `#` then. */
  open: (
    hash?: string,
    options?: BrowserContextOptions & { key?: string },
  ) => Promise<Opened>;
  /** A call as the administrator; asserts that it is taken. */
  admin: <T>(method: string, path: string, body?: object) => Promise<T>;
}

/** Tests on a whole system and a browser, which both end with them. They are skipped where there is no browser. */
export async function describeDashboard(
  title: string,
  env: Record<string, string>,
  addTests: (dashboard: Dashboard) => void,
): Promise<void> {
  const program = await findChromium();
  describe.skipIf(!program)(title, () => {
    let stack: Stack;
    let browser: Browser;
    beforeAll(async () => {
      [stack, browser] = await Promise.all([
        startStack({ env }),
        startChromium(program!),
      ]);
    });
    afterAll(async () => {
      await browser?.close();
      await stack?.stop();
    });
    const home = () => `${stack.url}/dashboard/`;
    addTests({
      get stack() {
        return stack;
      },
      get browser() {
        return browser;
      },
      client: () => makeClient({ url: stack.url, apiKey: stack.key }),
      home,
      async open(hash, { key = stack.key, ...options } = {}) {
        const url = `${home()}#key=${key}`;
        const opened = await openPage(browser, url, options);
        if (hash !== undefined) await goTo(opened.page, hash);
        return opened;
      },
      admin: (method, path, body) => callAdmin(stack, method, path, body),
    });
  });
}

export const goTo = (page: Page, hash: string): Promise<unknown> =>
  page.evaluate(`location.hash = ${JSON.stringify(hash)}`);

async function callAdmin<T>(
  { url, key }: Stack,
  method: string,
  path: string,
  body?: object,
): Promise<T> {
  const answer = await fetch(url + path, {
    method,
    headers: {
      "x-api-key": key,
      ...(body && { "content-type": "application/json" }),
    },
    ...(body && { body: JSON.stringify(body) }),
  });
  assert.ok(answer.ok, `${answer.status} ${path}`);
  return (answer.status === 204 ? undefined : await answer.json()) as T;
}
