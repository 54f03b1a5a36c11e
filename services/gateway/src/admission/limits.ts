/**
 * How much may be unfinished, and how many tokens a key may take in a day: what the projection counts, and what this
 * gateway accepted since. What others accept is seen with the next reading, so several gateways can pass a limit by what
 * they take in about a quarter of a second (with thousands of active queues, some seconds).
 */
import type { BrokerClock } from "@jetscribe/event-log/broker/brokerClock";
import type { Broker } from "@jetscribe/event-log/broker/connection";
import type {
  GenerateRequested,
  LimitsResponse,
  Queue,
} from "@jetscribe/schema";
import { dayOf, type TaskReader, type Unfinished } from "@jetscribe/task-store";
import { ApiError } from "../apiError.ts";
import type { Config } from "../config.ts";
import { freshFor } from "../forecast/forecast.ts";
import type { ApiKey } from "../keys/apiKeys.ts";

/** Room for one task; given back when it is disposed of, unless the task was stored. */
interface Reservation extends Disposable {
  /** Of the key's day; undefined: it has no limit. */
  tokens?: number | undefined;
  stored: (seq: number) => void;
}

export type Limits = ReturnType<typeof makeLimits>;

const retryAfterS = 5;
const dayS = 86_400;

/** What is asked of the limits before a request is stored. */
type Wanted = Pick<GenerateRequested, "params" | "prompt" | "messages">;

/**
 * `maxQueueDepth` tasks of all keys may wait, `maxTasksPerKey` tasks of one key be unfinished, and `tokensPerDay` tokens
 * of one key be taken on a day (UTC); undefined: no limit. A key's own limits go before those of all keys.
 */
export function makeLimits(
  broker: Pick<Broker, "onReconnect">,
  { unfinished }: Pick<TaskReader, "unfinished">,
  { nowMs }: Pick<BrokerClock, "nowMs">,
  { maxQueueDepth, maxTasksPerKey, tokensPerDay }: Config["limits"],
) {
  /** What came of the last reading that said something: without Redis, and while it is built anew, that one holds. */
  let known: Unfinished = { seq: 0, waiting: 0, byOwner: new Map() };
  let readAt = -Infinity;
  let freshForMs = freshFor(0);
  let reading: Promise<void> | undefined;
  /** From the first time on that somebody has a limit on them. */
  let readsTokens = false;
  /** The last reading read them, or would have. */
  let hasReadTokens = false;
  const own = makeOwn();
  // What a broker has lost that comes back would never be projected.
  const forget = broker.onReconnect(() => own.passed(Infinity));

  const limitsOf = ({ limits }: ApiKey) => ({
    tasks: limits?.max_tasks ?? maxTasksPerKey,
    tokens: limits?.tokens_per_day ?? tokensPerDay,
  });

  async function read(): Promise<void> {
    readAt = performance.now();
    const withTokens = readsTokens;
    const day = withTokens ? dayOf(nowMs()) : undefined;
    const found = await unfinished(day).catch(() => undefined);
    hasReadTokens = withTokens;
    if (found === undefined) return;
    freshForMs = freshFor(performance.now() - readAt);
    known = found;
    own.passed(found.seq);
  }

  async function freshen(withTokens: boolean): Promise<void> {
    readsTokens ||= withTokens;
    const isOld =
      performance.now() - readAt >= freshForMs || hasReadTokens !== readsTokens;
    if (reading === undefined && !isOld) return;
    reading ??= read().finally(() => (reading = undefined));
    await reading;
    // It was under way before tokens were asked for.
    if (withTokens && !hasReadTokens) await freshen(true);
  }

  const tasksOf = (owner: string) =>
    (known.byOwner.get(owner) ?? 0) + own.of(owner).tasks;

  /** Of today, in tokens. What others took is as of the last reading. */
  function tokensOf(owner: string) {
    const { day, reserved, spent } = known.tokens ?? {};
    const isToday = day === dayOf(nowMs());
    return {
      spent: isToday ? (spent?.get(owner) ?? 0) : 0,
      reserved: (reserved?.get(owner) ?? 0) + own.of(owner).tokens,
    };
  }

  const tokensLeft = (
    limit: number,
    { spent, reserved }: { spent: number; reserved: number },
  ) => ({
    ...{ limit, spent, reserved },
    remaining: Math.max(0, limit - spent - reserved),
    reset_s: untilMidnightS(nowMs()),
  });

  function checkTokens(owner: string, limit: number, wanted: number): void {
    if (wanted > limit) throw tooLargeForADay(wanted, limit);
    const { spent, reserved } = tokensOf(owner);
    if (spent + reserved + wanted <= limit) return;
    // Open tasks mostly take less than is reserved for them.
    const comesBack = spent + wanted <= limit;
    throw new ApiError(
      "token_budget_spent",
      `${spent} tokens of today are spent and ${reserved} are reserved for open tasks; this request may take ${wanted}`,
      {
        limit: { name: "TOKENS_PER_DAY", value: limit },
        retryAfterS: comesBack ? retryAfterS : untilMidnightS(nowMs()),
      },
    );
  }

  function whyTooMany(
    owner: string,
    limit: number | undefined,
  ): ApiError | undefined {
    const tasks = tasksOf(owner);
    if (limit === undefined || tasks < limit) return undefined;
    return tooManyTasks(tasks, limit);
  }
  function whyFull(): ApiError | undefined {
    const waiting = known.waiting + own.size();
    if (maxQueueDepth === undefined || waiting < maxQueueDepth)
      return undefined;
    return queueFull(waiting, maxQueueDepth);
  }

  async function admitCounted(
    { owner }: Queue,
    wanted: number | undefined,
    limit: { tasks: number | undefined; tokens: number | undefined },
  ): Promise<Reservation> {
    await freshen(wanted !== undefined);
    throwIfAny(whyTooMany(owner, limit.tasks));
    if (limit.tokens !== undefined && wanted !== undefined)
      checkTokens(owner, limit.tokens, wanted);
    throwIfAny(whyFull());
    return own.add(owner, wanted);
  }

  return {
    /**
     * Why nothing that the key could ask for is admitted now, before it is known what it asks for. Undefined: it may be, or
     * the last reading is too old to say so.
     */
    refusalOfAny(key: ApiKey): ApiError | undefined {
      const { tasks } = limitsOf(key);
      if (maxQueueDepth === undefined && tasks === undefined) return undefined;
      if (performance.now() - readAt >= freshForMs) return undefined;
      return whyTooMany(key.owner, tasks) ?? whyFull();
    },
    /** Takes room for one more task. Rejects with an ApiError where there is none. */
    admit: (
      queue: Queue,
      key: ApiKey,
      request: Wanted,
    ): Promise<Reservation> => {
      const limit = limitsOf(key);
      const { tasks, tokens } = limit;
      if (maxQueueDepth === undefined && tasks === undefined && !tokens)
        return unlimited;
      const wanted = tokens === undefined ? undefined : mayTake(request);
      return admitCounted(queue, wanted, limit);
    },
    /** What the key has left; a part is absent where it has no limit. */
    standing: async (
      key: ApiKey,
    ): Promise<Omit<LimitsResponse, "requests">> => {
      const { owner } = key;
      const limit = limitsOf(key);
      if (limit.tasks === undefined && limit.tokens === undefined) return {};
      await freshen(limit.tokens !== undefined);
      return {
        ...(limit.tasks !== undefined && {
          tasks: { limit: limit.tasks, unfinished: tasksOf(owner) },
        }),
        ...(limit.tokens !== undefined && {
          tokens: tokensLeft(limit.tokens, tokensOf(owner)),
        }),
      };
    },
    [Symbol.dispose]: forget,
  };
}

function throwIfAny(refusal: ApiError | undefined): void {
  if (refusal !== undefined) throw refusal;
}

const unlimited = Promise.resolve<Reservation>({
  stored: () => undefined,
  [Symbol.dispose]: () => undefined,
});

/** UTF-8 bytes of a token of text, about: as providers reckon it before they have counted. */
const bytesPerToken = 4;

/** The tokens that a request takes at most, with an estimate of its prompt, which is counted only when it runs. */
export function mayTake({ params, prompt, messages = [] }: Wanted): number {
  const texts = [prompt ?? "", ...messages.map(({ content }) => content)];
  const bytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  return params.max_tokens + Math.ceil(bytes / bytesPerToken);
}

const untilMidnightS = (nowMs: number): number =>
  Math.max(1, Math.ceil(dayS - ((nowMs / 1_000) % dayS)));

/** What this gateway accepted, or is about to, until the projection has passed it. */
function makeOwn() {
  /** Without a sequence: on its way. */
  type Task = { owner: string; tokens: number; seq?: number };
  const all = new Set<Task>();
  const byOwner = new Map<string, { tasks: number; tokens: number }>();
  const none = { tasks: 0, tokens: 0 };
  const of = (owner: string) => byOwner.get(owner) ?? none;
  function count({ owner, tokens }: Task, sign: 1 | -1) {
    const before = of(owner);
    const tasks = before.tasks + sign;
    if (tasks === 0) byOwner.delete(owner);
    else byOwner.set(owner, { tasks, tokens: before.tokens + sign * tokens });
  }
  function remove(task: Task) {
    if (all.delete(task)) count(task, -1);
  }
  return {
    size: () => all.size,
    of,
    add(owner: string, tokens: number | undefined): Reservation {
      const task: Task = { owner, tokens: tokens ?? 0 };
      all.add(task);
      count(task, 1);
      return {
        tokens,
        stored: (seq) => void (task.seq = seq),
        [Symbol.dispose]() {
          if (task.seq === undefined) remove(task);
        },
      };
    },
    /** Forgets what stands up to here in the log. */
    passed(seq: number) {
      for (const task of all)
        if (task.seq !== undefined && task.seq <= seq) remove(task);
    },
  };
}

const queueFull = (waiting: number, value: number) =>
  new ApiError("queue_full", `${waiting} tasks wait already`, {
    limit: { name: "MAX_QUEUE_DEPTH", value },
    retryAfterS,
  });

const tooManyTasks = (tasks: number, value: number) =>
  new ApiError(
    "too_many_tasks",
    `${tasks} tasks of this key are unfinished already`,
    { limit: { name: "MAX_TASKS_PER_KEY", value }, retryAfterS },
  );

const tooLargeForADay = (wanted: number, value: number) =>
  new ApiError(
    "too_large",
    `this request may take ${wanted} tokens, more than the key has for a day`,
    { limit: { name: "TOKENS_PER_DAY", value } },
  );
