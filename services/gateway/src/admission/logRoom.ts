/**
 * Admission control by the room in the log: a request is accepted only if it fits below the limit together with the
 * outcomes of all that is unfinished, its own too. So the log always takes the outcome of an accepted task.
 */
import type { Broker } from "@jetscribe/event-log/broker/connection";
import { streamState } from "@jetscribe/event-log/broker/streamState";
import type { Logger } from "@jetscribe/runtime";
import type { GenerateRequested, LogHeld } from "@jetscribe/schema";
import type { TaskReader } from "@jetscribe/task-store";
import { ApiError, unavailable } from "../apiError.ts";
import {
  allowanceOf,
  costOf,
  usageOf,
  usualReserve,
  type KnownWork,
  type LogUsage,
} from "./logUsage.ts";
import type { ProjectionsHeard } from "./projectionsHeard.ts";

export type LogRoom = Awaited<ReturnType<typeof watchLogRoom>>;

const lookEveryMs = 1_000;
const retryAfterS = 5;
/** Less than this share of the limit holds nothing up. */
const muchOfLog = 0.5;
/** How fast the mean follows what this gateway accepts. */
const meanOver = 100;

type Cost = ReturnType<typeof costOf>;

/** `created`: of which stream; undefined where that is not known. */
type FoundWork = KnownWork & { created?: string };

/** Resolves after the first look, be it in vain: until one succeeds no request is taken. */
export async function watchLogRoom(
  broker: Broker,
  { look: lookAtTasks }: Pick<TaskReader, "look">,
  projections: Pick<ProjectionsHeard, "all">,
  log: Logger,
) {
  /** As of the last look. While Redis and the results service are away it only gets older. */
  let known: (KnownWork & { created: string }) | undefined;
  let usage: LogUsage = { limit: 0, bytes: 0, reserve: 0 };
  /** Bytes and reserve of what this gateway takes: not stored yet; stored and not seen by a look; since the last look. */
  const taken = { underWay: 0, stored: 0, sinceLook: 0 };
  const own = makeOwnUnread();
  let ownMean = usualReserve;
  let looking: Promise<void> | undefined;
  let wasFull = false;

  /**
   * What is stored when the broker is asked is in its answer. What is unfinished is read before: so an event that comes
   * in between counts as unread, and is not left out of the bytes while its task counts as ended.
   */
  async function look(): Promise<void> {
    const work = await findWork();
    const { stored, sinceLook } = taken;
    const pass = own.begin();
    const state = await streamState(broker, broker.streams.events);
    const { created, lastSeq } = state;
    known = newer(work, created) ?? known;
    if (known?.created !== created) known = undefined;
    own.end(pass, lastSeq, known?.seq ?? 0);
    usage = usageOf(state, known, { ownMean, ownUnread: own.reserve() });
    taken.stored -= stored;
    taken.sinceLook -= sinceLook;
    tell();
  }

  /** From Redis, or as the results service said it last: that goes on saying it while Redis is away. */
  async function findWork(): Promise<FoundWork | undefined> {
    const shown = await lookAtTasks([]).catch(() => undefined);
    if (shown?.checkpoint?.caughtUp) return shown.checkpoint;
    const heartbeat = projections.all().find(({ name }) => name === "results");
    return heartbeat?.open && { seq: heartbeat.seq, open: heartbeat.open };
  }

  /** The results service does not say of which stream it speaks: it is taken to be the one that is there. */
  function newer(work: FoundWork | undefined, created: string) {
    if (work === undefined) return undefined;
    if (work.created !== undefined) return { ...work, created: work.created };
    const isNewer = known?.created !== created || work.seq > known.seq;
    return isNewer ? { ...work, created } : undefined;
  }

  /** Calls of one time share a look. */
  const lookAgain = () =>
    (looking ??= look().finally(() => (looking = undefined)));

  const used = () =>
    usage.bytes + usage.reserve + taken.underWay + taken.stored;

  function tell(): void {
    const isFull = full() !== undefined;
    const facts = { ...usage, ...held() };
    if (isFull && !wasFull) log.warn(facts, "the log has no room for requests");
    if (!isFull && wasFull) log.info(facts, "the log has room for requests");
    wasFull = isFull;
  }

  /** What the oldest events of the log are kept for, where that is much of it. */
  function held(): LogHeld | undefined {
    const heartbeat = projections.all().find(({ name }) => name === "results");
    const found = heartbeat?.log_held;
    return found && found.share >= muchOfLog ? found : undefined;
  }

  /** Why requests are refused; undefined: they are not. */
  const full = (): string | undefined =>
    used() + usualReserve > usage.limit ? whyFull() : undefined;

  function whyFull(): string {
    if (usage.limit === 0) return "the log can't be looked at yet";
    const percent = (bytes: number) => Math.round((bytes / usage.limit) * 100);
    const holding = held();
    const because = holding
      ? `; its oldest events are kept for ${describe(holding)}`
      : "";
    return `the log has no room: ${percent(usage.bytes)} % of it is used, and ${percent(used() - usage.bytes)} % is kept for the outcomes of unfinished tasks${because}`;
  }

  const hasToLook = (cost: number) =>
    usage.limit === 0 ||
    (taken.sinceLook > 0 && taken.sinceLook + cost > allowanceOf(usage));

  /**
   * Takes room for a request, and for its outcome; dispose of what it gives once the request is stored, or is not.
   * Throws an ApiError where the log has none; gives a promise where it has to look first.
   */
  function take(request: GenerateRequested): Disposable | Promise<Disposable> {
    const cost = costOf(request, known?.open.bytesPerToken);
    return hasToLook(cost.bytes + cost.reserve)
      ? takeAfterLook(cost)
      : takeNow(cost);
  }

  async function takeAfterLook(cost: Cost): Promise<Disposable> {
    while (hasToLook(cost.bytes + cost.reserve))
      await lookAgain().catch((cause: unknown) => {
        throw unavailable("the log can't be looked at", cause);
      });
    return takeNow(cost);
  }

  function takeNow({ bytes, reserve }: Cost): Disposable {
    const cost = bytes + reserve;
    if (used() + cost > usage.limit)
      throw new ApiError("log_full", whyFull(), {
        limit: { name: "EVENTS_MAX_BYTES", value: usage.limit },
        retryAfterS,
      });
    ownMean += (reserve - ownMean) / meanOver;
    taken.underWay += cost;
    taken.sinceLook += cost;
    return {
      [Symbol.dispose]() {
        taken.underWay -= cost;
        taken.stored += cost;
        own.note(reserve);
      },
    };
  }

  // The broker is away: so is everything that could be accepted.
  const lookOrNot = () => lookAgain().catch(() => undefined);
  await lookOrNot();
  const timer = setInterval(() => void lookOrNot(), lookEveryMs);
  return {
    ...{ take, full, held },
    /** As of the last look. */
    usage: (): Readonly<LogUsage> => usage,
    [Symbol.dispose]: () => clearInterval(timer),
  };
}

const describe = ({ by, model, owner }: LogHeld): string =>
  model === undefined ? by : `${by}, of ${String(owner)} for ${model}`;

/** With more, two become one, and are read later. */
const maxParts = 100;

/** The room for the outcomes of this gateway's own requests that the projection has not read yet. */
function makeOwnUnread() {
  /** Noted since the last look. */
  let fresh = 0;
  /** What was found by each look, oldest first: up to a sequence so much, beside the part before. */
  let parts: { upTo: number; reserve: number }[] = [];

  return {
    /** Takes note of a stored request: the room for its outcome, in bytes. */
    note: (reserve: number) => void (fresh += reserve),
    /** A look at the log begins: what was noted so far is in what it finds. Returns that, for `end`. */
    begin: () => fresh,
    /** What it found: the log's last sequence, and how far the projection has read. */
    end(begun: number, lastSeq: number, readUpTo: number): void {
      fresh -= begun;
      if (begun > 0) parts.push({ upTo: lastSeq, reserve: begun });
      parts = parts.filter(({ upTo }) => upTo > readUpTo);
      const [first, second] = parts;
      if (parts.length <= maxParts || !first || !second) return;
      const reserve = first.reserve + second.reserve;
      parts.splice(0, 2, { upTo: second.upTo, reserve });
    },
    /** Bytes, as of the last look. */
    reserve: () => parts.reduce((sum, { reserve }) => sum + reserve, 0),
  };
}
