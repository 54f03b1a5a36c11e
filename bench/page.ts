/** The dashboard in Chromium: a list of very many tasks that somebody scrolls and filters, and pages that stay open under load. */
import { makeAppender } from "@jetscribe/event-log/append/append";
import { setTimeout as sleep } from "node:timers/promises";
import { buildDashboard } from "../scripts/install/dashboard.mjs";
import {
  openPage as followFeed,
  type Page as Feed,
} from "../services/gateway/test/feedTestKit.ts";
import {
  findChromium,
  goTo,
  openPage,
  startChromium,
  type Dashboard,
  type Opened,
} from "../test/dashboard/browser.ts";
import { openConnection } from "./connection.ts";
import { round, type Figures, type Options } from "./figures.ts";
import { fillFinished, finishedPerTask } from "./list.ts";
import { indexed, openIndexed } from "./openIndexed.ts";
import { startSystem, type System } from "./system.ts";
import { watchPage } from "./watchPage.ts";

type Browser = Dashboard["browser"];

const SCROLL_TO = 20_000;
/** A task is three events. */
const TASKS_PER_S = 100;
const SECONDS = 30;
const LIVE = ["now", "log", "tasks"] as const;

const FILTERS = {
  "a status": "status=failed",
  "a frequent error": "q=error%3Aoutcome",
  "a rare error": "q=error%3Amemory",
  "a word, looked for by the page": "q=no-such-word",
};

/** `figures` are empty where there is no Chromium and none can be brought. */
export async function page({ tasks }: Options): Promise<Figures> {
  const program = await findChromium();
  if (program === undefined) return {};
  await buildDashboard(process.execPath);
  const browser = await startChromium(program);
  try {
    return {
      ...(await longList(browser, tasks)),
      ...(await underLoad(browser)),
    };
  } finally {
    await browser.close();
  }
}

async function longList(browser: Browser, tasks: number): Promise<Figures> {
  await using system = await openIndexed(20 * 2 ** 30);
  using appender = makeAppender(system.broker, "bench");
  const count = finishedPerTask * tasks;
  await fillFinished(appender, count);
  await indexed(system.broker);
  await using opened = await openPage(browser, `${system.url}/dashboard/#key=key-of-a`); // prettier-ignore
  const { page } = opened;
  await goTo(page, "#/tasks");
  await untilListed({ page });
  const { during } = await watchPage({ page });
  const of = `of ${count.toLocaleString("en")} tasks`;
  const figures: Figures = {};
  const rows = Math.min(SCROLL_TO, count);
  figures[`${rows.toLocaleString("en")} rows ${of}, scrolled`] = await during(() => page.evaluate(scrollTo(rows))); // prettier-ignore
  for (const [name, query] of Object.entries(FILTERS))
    figures[`filtered ${of} by ${name}`] = await during(async () => {
      await goTo(page, `#/tasks?${query}`);
      await untilListed({ page });
    });
  return figures;
}

/** Then what a new address asks for has begun. */
const twoFrames =
  "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))";

/** The list has taken its first tasks, or has none. */
async function untilListed({ page }: Pick<Opened, "page">): Promise<void> {
  await page.evaluate(twoFrames);
  await page.locator('[role="grid"][aria-busy="false"]').waitFor();
}

/** To the end of what is loaded, again and again, one frame after the other. */
const scrollTo = (rows: number): string => `(async () => {
  const grid = document.querySelector(".task-grid");
  const shown = () => Number(document.querySelector(".summary [role=status]").textContent.replace(/\\D/g, ""));
  while (shown() < ${rows}) {
    grid.scrollTop = grid.scrollHeight;
    await new Promise((resolve) => requestAnimationFrame(resolve));
  }
})()`;

/** Pages that stay open beside each other, and feeds beside them, whose frames are counted. */
async function underLoad(browser: Browser): Promise<Figures> {
  await using opened = new AsyncDisposableStack();
  const system = opened.use(await startSystem());
  const key = "owner-0";
  const watched = await Promise.all(
    LIVE.map(async (view) => {
      const url = `${system.stack.url}/dashboard/#key=${key}`;
      const { page } = opened.use(await openPage(browser, url));
      await goTo(page, `#/${view}`);
      const feed = await followFeed({ url: system.stack.url, key }, `view=${view}`); // prettier-ignore
      opened.defer(() => (feed.close(), feed.ended));
      return { view, feed, ...(await watchPage({ page })) };
    }),
  );
  // Until the feeds' pace has fallen to that of a busy system.
  await post(system, 2);
  const posting = post(system, SECONDS);
  const rows = watched.map(async ({ view, feed, during }) => {
    const before = feed.frames.length;
    const row = await during(() => posting);
    const frames_per_s = round(framesSince(feed, before) / SECONDS);
    return [`${view}, ${3 * TASKS_PER_S} events/s`, { ...row, frames_per_s }];
  });
  return Object.fromEntries(await Promise.all(rows)) as Figures;
}

const framesSince = (feed: Feed, before: number): number =>
  feed.frames.length - before;

async function post({ port, post }: System, seconds: number): Promise<void> {
  const connection = openConnection(port);
  const began = performance.now();
  for (let i = 0; i < seconds * TASKS_PER_S; i++) {
    const dueMs = began + (i * 1_000) / TASKS_PER_S - performance.now();
    if (dueMs > 0) await sleep(dueMs);
    const { status } = await connection.send(post);
    if (status !== 202) throw new Error(`answered ${status}, not 202`);
  }
  connection.close();
}
