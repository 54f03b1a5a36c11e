/**
 * Queue depth and positions, against the log: at every moment in which the projection stood still while it was looked
 * at, what it shows has to be what the log says up to its checkpoint.
 */
import { redisPrefix } from "@jetscribe/testing";
import { isDeepStrictEqual } from "node:util";
import { setTimeout as sleep } from "node:timers/promises";
import { call } from "./client.ts";
import { parseArray } from "./evidence.ts";
import type { Fleet } from "./fleet.ts";
import { foldLog, type OpenTask } from "./foldLog.ts";
import type { LogReader } from "./readLog.ts";
import { redisCommands } from "./wire/redis.ts";

export interface PlacesWatch extends AsyncDisposable {
  readonly sightings: readonly string[];
  /** How often the depth was compared, and how many positions. */
  readonly compared: { depths: number; positions: number };
  /** While nothing moves: the position of every task that waits, each of which has to be there. */
  lookAtAll(): Promise<void>;
}

const everyMs = 500;
const asked = 3;

/** What the projection shows waiting and running, and the sequence that it shows it at. */
interface Shown {
  seq: number;
  /** By key; task ids in order. */
  waiting: Record<string, string[]>;
  running: string[];
}

export function watchPlaces(fleet: Fleet, log: LogReader): PlacesWatch {
  const sightings = new Set<string>();
  const compared = { depths: 0, positions: 0 };
  const stop = new AbortController();
  const fold = foldLog();
  let last: Promise<unknown> = Promise.resolve();

  /** The tasks that wait, where the projection could be compared with the log. */
  async function compareDepth(): Promise<OpenTask[] | undefined> {
    const shown = await readShown(fleet.redis.port);
    if (shown === undefined || shown.seq < fold.seq) return undefined;
    fold.advance(await log.read(), shown.seq);
    if (fold.seq !== shown.seq) return undefined;
    const open = [...fold.open.values()];
    const expected = shownOf(open, shown.seq);
    compared.depths++;
    if (!isDeepStrictEqual(shown, expected))
      sightings.add(`Redis shows ${brief(shown)}, the log ${brief(expected)}`);
    return open.filter(({ runs }) => !runs);
  }

  /** Those of some tasks; with `surely` every one has to be told. */
  async function comparePositions(most: number, surely: boolean) {
    const waiting = await compareDepth();
    // How owners take turns is the business of other tests.
    const [first] = waiting ?? [];
    if (!waiting || waiting.some(({ queue }) => queue !== first?.queue)) return;
    // Those whose time has come are before the others, whenever the gateway looks.
    if (waiting.some(({ scheduled }) => scheduled)) return;
    const { seq } = fold;
    const from = Math.max(0, waiting.length - most);
    const some = waiting.slice(from);
    const told = await Promise.all(
      some.map(({ id, queue }) => {
        const key = fleet.owners[queue.split("=")[3] ?? ""] ?? fleet.key;
        return call({ url: fleet.url, key }, "GET", `/status/${id}`);
      }),
    );
    if ((await readShown(fleet.redis.port))?.seq !== seq) return;
    for (const [i, { status, body }] of told.entries()) {
      const position = body["queue_position"];
      // On the way Redis may be out of the gateway's reach.
      if (typeof position !== "number" && !surely) continue;
      compared.positions++;
      if (position !== from + i + 1)
        sightings.add(
          `${some[i]?.id}: /status answers ${status}, position ${String(position)} of ${from + i + 1}`,
        );
    }
  }

  function inTurn(look: () => Promise<void>): Promise<void> {
    const looked = last.then(look);
    last = looked.catch(() => undefined);
    return looked;
  }

  async function watch(): Promise<void> {
    while (!stop.signal.aborted) {
      // While something is down there is nothing to see.
      await inTurn(() => comparePositions(asked, false)).catch(() => undefined);
      await sleep(everyMs);
    }
  }

  const watching = watch();
  return {
    get sightings() {
      return [...sightings];
    },
    compared,
    lookAtAll: () => inTurn(() => comparePositions(Infinity, true)),
    async [Symbol.asyncDispose]() {
      stop.abort();
      await watching;
    },
  };
}

const brief = (value: unknown): string => JSON.stringify(value).slice(0, 500);

function shownOf(open: readonly OpenTask[], seq: number): Shown {
  const waiting: Shown["waiting"] = {};
  const running: string[] = [];
  for (const { id, queue, runs, scheduled } of open) {
    const name = queue.split("=").slice(1).join(":");
    const key = `${redisPrefix}${scheduled ? "later" : "queue"}:${name}`;
    if (runs) running.push(`${name}:${id}`);
    else (waiting[key] ??= []).push(id);
  }
  return { seq, waiting, running };
}

/** Undefined: it is away, rebuilds, or moved meanwhile. */
async function readShown(port: number): Promise<Shown | undefined> {
  const [before, queues, later] = await redisCommands(port, [
    ["GET", `${redisPrefix}checkpoint`],
    ["KEYS", `${redisPrefix}queue:*`],
    ["KEYS", `${redisPrefix}later:*`],
  ]);
  const names = [queues, later].flat().map(String).toSorted();
  const [after, running, ...queued] = await redisCommands(port, [
    ["GET", `${redisPrefix}checkpoint`],
    ["ZRANGE", `${redisPrefix}running`, "0", "-1"],
    ...names.map((name) => ["ZRANGE", name, "0", "-1"]),
    ["GET", `${redisPrefix}checkpoint`],
  ]);
  const places = [before, after, queued.pop()].map(placeOf);
  const [place] = places;
  if (place === undefined || places.some((one) => one?.seq !== place.seq))
    return undefined;
  const waiting = Object.fromEntries(
    names.map((name, i) => [name, queued[i] as string[]]),
  );
  return { seq: place.seq, waiting, running: running as string[] };
}

function placeOf(checkpoint: unknown): { seq: number } | undefined {
  const [, , seq, , caughtUp] = parseArray(checkpoint);
  return caughtUp === true ? { seq: Number(seq) } : undefined;
}
