/** Readers of `GET /tasks`: they go through all pages, each of which any gateway may answer. */
import type { Random } from "@jetscribe/testing";
import { setTimeout as sleep } from "node:timers/promises";
import { call } from "./client.ts";
import type { Fleet } from "./fleet.ts";

export interface Listed {
  task_id: string;
  status: string;
  model: string;
  lane: string;
  attempt: number;
  /** Seconds since the epoch. */
  requested_at: number;
  started_at?: number;
  ended_at?: number;
  error_type?: string;
  metadata?: Record<string, string>;
}

/** What one reader was told. */
export interface Walk {
  owner: string;
  /** As in the query. */
  filter: Readonly<Record<string, string>>;
  /** In ms since the epoch. */
  from: number;
  pages: { from: number; to: number; tasks: readonly Listed[] }[];
  /** It came to the last page. */
  whole: boolean;
}

export interface ListWalks extends AsyncDisposable {
  readonly walks: readonly Walk[];
  /** While nothing moves: every owner's whole list on every gateway, each of which has to be there. */
  walkAll(when: string): Promise<void>;
  /** Lists that were not there when they had to be. */
  readonly sightings: readonly string[];
}

const everyMs = 1_000;
/** The index is built meanwhile. */
const patienceMs = 20_000;
const filters: readonly Readonly<Record<string, string>>[] = [
  {},
  {},
  { status: "completed" },
  { status: "queued,processing" },
  { status: "failed,cancelled" },
  { model: "other" },
  { lane: "batch" },
];

export function walkLists(fleet: Fleet, random: Random): ListWalks {
  const walks: Walk[] = [];
  const sightings: string[] = [];
  const stop = new AbortController();
  const { owners, url, urls = [url] } = fleet;

  /** `urlOf`: of the gateway that is asked next. Gives the answer that was no page; undefined: it came to the end. */
  async function walk(
    owner: string,
    urlOf: () => string,
    filter: Walk["filter"],
    limit: number,
  ): Promise<number | undefined> {
    const one: Walk = {
      owner,
      filter,
      from: Date.now(),
      pages: [],
      whole: false,
    };
    walks.push(one);
    for (let cursor: string | undefined; ;) {
      const query = new URLSearchParams({
        ...{ ...filter, limit: String(limit) },
        ...(cursor !== undefined && { cursor }),
      });
      const at = { url: urlOf(), key: owners[owner] ?? "" };
      const answer = await call(at, "GET", `/tasks?${query.toString()}`);
      if (answer.status !== 200) return answer.status;
      const { tasks, next_cursor } = answer.body as {
        tasks: Listed[];
        next_cursor?: string;
      };
      one.pages.push({ from: answer.from, to: answer.to, tasks });
      cursor = next_cursor;
      if (cursor === undefined) break;
    }
    one.whole = true;
    return undefined;
  }

  async function watch(): Promise<void> {
    while (!stop.signal.aborted) {
      await sleep(random.int(0, 2 * everyMs));
      const owner = random.pick(Object.keys(owners));
      const urlOf = () => random.pick(urls);
      await walk(owner, urlOf, random.pick(filters), random.int(3, 100));
    }
  }

  async function walkSurely(when: string, owner: string, url: string) {
    const until = performance.now() + patienceMs;
    for (;;) {
      const status = await walk(owner, () => url, {}, 100);
      if (status === undefined) return;
      if (performance.now() > until) {
        sightings.push(`${when}: GET /tasks of ${owner} answered ${status}`);
        return;
      }
      await sleep(200);
    }
  }

  const watching = watch();
  return {
    walks,
    sightings,
    async walkAll(when) {
      const all = Object.keys(owners).flatMap((owner) =>
        urls.map((url) => walkSurely(when, owner, url)),
      );
      await Promise.all(all);
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await watching;
    },
  };
}
