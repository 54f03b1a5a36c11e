/**
 * What was accepted with a key stays within the key's limits, as far as the gateways can know what was accepted; and what
 * is counted is a fold of the log.
 */
import type { Evidence } from "../evidence.ts";
import { overlaps, type Entry } from "../journal.ts";
import type { Roll, Tenant } from "../tenant.ts";
import type { LoggedTask } from "../tasks.ts";
import { isBroker } from "./excuses.ts";

/** What one gateway accepts is known to the others after a quarter of a second, or later on a busy machine. */
const learnMs = 1_500;
/** An ended task counts until the projection has read its outcome. */
const staleMs = 3_000;
/** Until all of them have caught up after a fault. */
const backAfterMs = 5_000;
/** A window in Redis begins with the first call that is counted. */
const windowMs = 60_000;
const dayMs = 86_400_000;
/** Of the prompt's bytes, until it has run. */
const bytesPerToken = 4;

type Tasks = ReadonlyMap<string, LoggedTask>;

export function checkLimits(evidence: Evidence, tasks: Tasks): string[] {
  const { keys, journal, gateways = [] } = evidence;
  if (keys === undefined) return [];
  const byOwner = Map.groupBy(tasks.values(), ownerOf);
  const count = gateways.length;
  return keys.tenants.flatMap((tenant) => {
    const own = (byOwner.get(tenant.name) ?? []).map(usageOf);
    return [
      ...checkAccepted(tenant, own, { journal, gateways: count }),
      ...own.flatMap((use) => checkReserved(tenant, use)),
      ...checkRefusals(tenant, own, evidence),
      ...checkRate(tenant, evidence),
      ...keys.rolls.flatMap((roll) => checkStanding(tenant, roll, own)),
    ];
  });
}

const ownerOf = ({ requests: [request] }: LoggedTask): string =>
  request?.queue.split("=")[3] ?? "";

/** What a task takes, and when; times in ms since the epoch. */
interface Use {
  id: string;
  from: number;
  to: number;
  reserved: number | undefined;
  /** By the checker's own count. */
  expected: number;
  spent: number;
}

function usageOf({
  id,
  requests: [request],
  outcomes: [end],
}: LoggedTask): Use {
  const { params, prompt } = (request?.data ?? {}) as {
    params?: { max_tokens: number };
    prompt?: string;
  };
  const metrics = (end?.data["metrics"] ?? {}) as Record<string, number>;
  const reserved = request?.data["reserved_tokens"];
  const bytes = Buffer.byteLength(prompt ?? "");
  return {
    id,
    from: request?.time ?? 0,
    to: end?.time ?? Infinity,
    reserved: typeof reserved === "number" ? reserved : undefined,
    expected: (params?.max_tokens ?? 0) + Math.ceil(bytes / bytesPerToken),
    spent:
      (metrics["prompt_tokens"] ?? 0) + (metrics["completion_tokens"] ?? 0),
  };
}

function checkReserved(
  { name, limits }: Tenant,
  { id, reserved, expected }: Use,
): string[] {
  const wanted = limits.tokens_per_day === undefined ? undefined : expected;
  return reserved === wanted
    ? []
    : [`${id}: of ${name}, reserves ${reserved} tokens instead of ${wanted}`];
}

const dayOf = (ms: number): number => Math.floor(ms / dayMs);

/** Tokens that count at a time: spent on its day, or reserved. A task takes what its prompt has beyond the estimate. */
const tokensAt = (own: readonly Use[], at: number): number =>
  own
    .filter(({ from }) => from <= at)
    .reduce((sum, { to, reserved = 0, spent }) => {
      if (to > at) return sum + reserved;
      return sum + (dayOf(to) === dayOf(at) ? Math.min(spent, reserved) : 0);
    }, 0);

const openAt = (own: readonly Use[], at: number): number =>
  own.filter(({ from, to }) => from <= at && to > at).length;

/** The faults because of which a gateway may not know what was accepted. */
function blinds({ fault, target }: Entry, gateways: number): boolean {
  const isGateway = target.startsWith("gateway");
  // A single gateway knows what it accepted itself, as long as it lives and its broker stays.
  return gateways === 1
    ? (isGateway && /^(?:kill|stop)/.test(fault)) || fault.endsWith("-nats")
    : isGateway ||
        isBroker({ fault } as Entry) ||
        target.startsWith("results") ||
        /redis|results|index/.test(fault);
}

/** At each request, the task included: within the limit, or what all gateways can take that know only of themselves. */
function checkAccepted(
  { name, limits }: Tenant,
  own: readonly Use[],
  { journal, gateways }: { journal: readonly Entry[]; gateways: number },
): string[] {
  const blind = journal.filter((entry) => blinds(entry, gateways));
  return own.flatMap(({ id, from }) => {
    const faults = blind.filter((entry) =>
      overlaps(
        { ...entry, to: (entry.to ?? Infinity) + backAfterMs },
        from,
        from,
      ),
    );
    const factor = faults.length === 0 ? 1 : gateways + faults.length;
    // Of what others accepted just now.
    const unseen =
      gateways === 1
        ? []
        : own.filter(
            (one) =>
              one.id !== id && one.from <= from && one.from > from - learnMs,
          );
    const over = (what: string, got: number, limit: number | undefined) =>
      limit !== undefined && got > limit * factor
        ? [
            `${id}: with it ${name} has ${got} ${what}, ${limit} are allowed and ${faults.length} faults explain more`,
          ]
        : [];
    const known = own.filter((one) => !unseen.includes(one));
    return [
      ...over("unfinished tasks", openAt(known, from), limits.max_tasks),
      ...over("tokens", tokensAt(known, from), limits.tokens_per_day),
    ];
  });
}

/** A refusal has a reason: at some time about then the limit was reached. */
function checkRefusals(
  { name, limits }: Tenant,
  own: readonly Use[],
  { told, journal }: Evidence,
): string[] {
  const refused = told.filter(
    ({ owner, answer }) => owner === name && answer.status === 429,
  );
  return refused.flatMap(({ number, body, answer: { from, to } }) => {
    const [begin, end] = [from - staleMs, to + learnMs];
    if (journal.some((entry) => overlaps(entry, begin, end, backAfterMs)))
      return [];
    const times = [
      begin,
      end,
      ...own.flatMap((one) => [one.from, one.to]),
    ].filter((at) => at >= begin && at <= end);
    const wanted =
      Number(body["max_tokens"]) +
      Math.ceil(Buffer.byteLength(String(body["prompt"])) / bytesPerToken);
    const {
      max_tasks: tasks,
      tokens_per_day: tokens,
      requests_per_minute: rate,
    } = limits;
    const has = times.some(
      (at) =>
        (tasks !== undefined && openAt(own, at) >= tasks) ||
        (tokens !== undefined && tokensAt(own, at) + wanted > tokens),
    );
    return has || rate !== undefined
      ? []
      : [`call ${number}: ${name} was refused below its limits`];
  });
}

/** In each window of a minute so many calls; each fault of Redis makes all gateways count anew, and Redis afterwards. */
function checkRate(
  { name, limits, calls }: Tenant,
  { told, journal, gateways = [] }: Evidence,
): string[] {
  const { requests_per_minute: limit } = limits;
  if (limit === undefined) return [];
  const answers = [
    ...calls,
    ...told.filter(({ owner }) => owner === name).map(({ answer }) => answer),
  ];
  const counted = answers
    .filter(({ status }) => ![0, 401, 429].includes(status))
    .toSorted((one, another) => one.to - another.to);
  const [first] = counted;
  if (first === undefined) return [];
  const inWindow = counted.filter(({ to }) => to <= first.from + windowMs);
  const end = inWindow.at(-1)?.to ?? first.to;
  const faults = journal.filter(
    (entry) =>
      /redis|gateway/.test(entry.fault) &&
      overlaps(entry, first.from, end, backAfterMs),
  );
  const most = limit * (1 + faults.length * (gateways.length + 1));
  return inWindow.length > most
    ? [
        `${name}: ${inWindow.length} calls in its minute, ${limit} are allowed and ${faults.length} faults explain more`,
      ]
    : [];
}

/** `GET /limits` while nothing moves: what was spent today, and nothing else. */
function checkStanding(
  { name, limits }: Tenant,
  { when, url, at, standings }: Roll,
  own: readonly Use[],
): string[] {
  const { status, body } = standings.get(name) ?? {};
  if (status !== 200) return []; // Whether it may be is said by the rule of keys.
  const ended = own.filter(
    ({ to, reserved }) => dayOf(to) === dayOf(at) && reserved !== undefined,
  );
  const spent = ended.reduce((sum, one) => sum + one.spent, 0);
  const found = { ...(body as Record<string, Record<string, number>>) };
  const said = [
    found["tokens"]?.["spent"],
    found["tokens"]?.["reserved"],
    found["tasks"]?.["unfinished"],
  ];
  const expected = [
    ...(limits.tokens_per_day === undefined
      ? [undefined, undefined]
      : [spent, 0]),
    limits.max_tasks === undefined ? undefined : 0,
  ];
  return said.join() === expected.join()
    ? []
    : [
        `${when}: ${url} says that ${name} has spent ${said[0]}, reserved ${said[1]} and ${said[2]} open tasks, the log ${expected.join(", ")}`,
      ];
}
