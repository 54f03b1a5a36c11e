/** One run: a system, a load, faults, and the checker's word. */
import { makeRandom, type NatsVersion } from "@jetscribe/testing";
import { check } from "./check.ts";
import { gather } from "./evidence.ts";
import { faultsOf } from "./faults.ts";
import { fillEnv, fillLog } from "./fillLog.ts";
import { startFleet, type Fleet, type Sizes } from "./fleet.ts";
import { formatEntry, makeJournal, type Journal } from "./journal.ts";
import { lineUp } from "./lineUp.ts";
import { listenStored } from "./listenStored.ts";
import { makeLoad, type Load } from "./load.ts";
import { spreadPoison } from "./poison.ts";
import { makeLogReader, type LogReader } from "./readLog.ts";
import type { Kind } from "./requests.ts";
import { restoreBroker, restoreEnv } from "./restore.ts";
import { settle } from "./settle.ts";
import { startAnew } from "./startAnew.ts";
import { runSubscribers, type Subscribers } from "./subscribers.ts";
import { straysOf } from "./strays.ts";
import { strike } from "./strike.ts";
import { kindOf, tasksOf } from "./tasks.ts";
import { tellTasks } from "./tellTasks.ts";
import { watchPlaces, type PlacesWatch } from "./watchPlaces.ts";
import { runTenants, type Tenants } from "./tenants.ts";
import { receiveWebhooks, type Webhooks } from "./webhooks.ts";
import { walkLists, type ListWalks } from "./walkLists.ts";
import { watchQueues } from "./watchQueues.ts";

export interface ChaosOptions {
  seed: number;
  /** How long load and faults last. */
  seconds: number;
  /** Names of faults, or their beginnings; all by default. */
  only?: readonly string[];
  /** Requests. */
  perSecond?: number;
  /** Kinds of requests that come ten times as often. */
  more?: readonly Kind[];
  /** Between two faults, on average; there are two rows of them. */
  pauseMs?: number;
  /** How long nothing may move in the end while something is under way. */
  settleWithinMs?: number;
  sizes?: Partial<Sizes>;
  natsVersion?: NatsVersion;
  say?: (line: string) => void;
}

export interface Report {
  /** Empty: every promise was kept. */
  violations: string[];
  /** How many of each. */
  answers: Record<string, number>;
  outcomes: Record<string, number>;
  faults: Record<string, number>;
  /** How often the queue's depth was held against the log, and how many positions. */
  compared: { depths: number; positions: number };
  journal: string[];
  /** What the log and the services say of the tasks that violations name. */
  tasks: string[];
  /** The last lines of the services. */
  output: string;
}

const healWithinMs = 60_000;
const defaultSizes: Sizes = {
  ...{ gateway: 1, inference: 3, results: 1, logger: 1, webhooks: 1 },
};
/** Every file is rotated many times, and all of them stay. */
const rotating = { LOG_ROTATE_SIZE: "8000", LOG_KEEP: "100000" };
/** After the faults, so long: by then everything has to be as quick as ever. */
const calmMs = 4_000;
/** A run that has the time for freezes of over two minutes. */
const longS = 600;
/** Kinds that make their own trouble. */
const rough: readonly Kind[] = ["poison", "too_slow"];

export async function runChaos(options: ChaosOptions): Promise<Report> {
  const plan = planOf(options);
  const { natsVersion = "default" } = options;
  const fleet = await startFleet({ ...plan, natsVersion });
  try {
    return await drive(fleet, plan);
  } finally {
    await fleet.stop();
  }
}

type Plan = ReturnType<typeof planOf>;

function planOf({ only = [], more = [], seconds, ...options }: ChaosOptions) {
  const restores = only.some((name) => name.startsWith("restore-"));
  const fills = only.includes("fill-log");
  return {
    ...{ only, more, restores, fills },
    random: makeRandom(options.seed),
    forMs: seconds * 1_000,
    isLong: seconds >= longS,
    perSecond: options.perSecond ?? 15,
    pauseMs: options.pauseMs ?? 700,
    settleWithinMs: options.settleWithinMs ?? 60_000,
    say: options.say ?? (() => {}),
    sizes: { ...defaultSizes, ...options.sizes },
    env: { ...rotating, ...(restores && restoreEnv), ...(fills && fillEnv) },
  };
}

/** What is there while a run goes on. */
interface Stage {
  fleet: Fleet;
  plan: Plan;
  journal: Journal;
  load: Load;
  log: LogReader;
  places: PlacesWatch;
  lists: ListWalks;
  tenants: Tenants;
  subscribers: Subscribers;
  webhooks: Webhooks;
}

async function drive(fleet: Fleet, plan: Plan): Promise<Report> {
  const { say, random, perSecond, more, only } = plan;
  const journal = makeJournal(say);
  await fleet.healthy(healWithinMs);
  say("the system runs");
  await using poison = spreadPoison(fleet, journal);
  await using webhooks = await receiveWebhooks(fleet, random.fork(5));
  const load = makeLoad(fleet, random.fork(1), {
    ...{ perSecond, more, webhookUrl: webhooks.url },
    onTask({ kind, taskId }) {
      if (kind === "poison" && taskId !== undefined) poison.add(taskId);
    },
  });
  if (plan.restores)
    await restoreBroker(fleet, load, journal, {
      healthyWithinMs: healWithinMs,
      withoutConsumers: only.includes("restore-messages"),
    });
  const log = makeLogReader(fleet);
  await using watch = watchQueues(fleet, log);
  await using places = watchPlaces(fleet, log);
  await using listener = listenStored(fleet);
  await using lists = walkLists(fleet, random.fork(3));
  const tenants = runTenants(fleet, load, random.fork(4));
  await using subscribers = await runSubscribers(fleet);
  const watches = { places, lists, tenants, subscribers, webhooks };
  const stage = { fleet, plan, journal, load, log, ...watches };
  const unseen = await play(stage);
  say("starting anew");
  const before = await startAnew(fleet, journal, stage, () => heal(stage));
  const sightings = [watch, places, lists].flatMap((one) => one.sightings);
  const seen = {
    ...{ told: load.told, journal: journal.entries },
    sightings: [...sightings, ...unseen],
    lists: lists.walks,
    ...{ before, keys: tenants },
    heard: listener.heard(),
    subscribers: subscribers.seen,
    webhooks: webhooks.calls,
    said: fleet.members.flatMap(({ said }) => said),
  };
  const { compared } = places;
  return { ...(await judge(fleet, seen, log)), compared };
}

/** Faults under load, and then what only a system that is whole again can do; gives what was not seen. */
async function play(stage: Stage): Promise<string[]> {
  const { fleet, plan, journal, load, places, tenants } = stage;
  const wasCalm = await strikeUnderLoad(stage);
  plan.say("healing");
  if (!(await heal(stage))) return [];
  if (!wasCalm) {
    plan.say("calm");
    await Promise.all([
      load.run(calmMs, { calm: true, without: [...rough, "renewed"] }),
      tenants.run(calmMs),
    ]);
    if (!(await heal(stage))) return [];
  }
  plan.say("lining up");
  const unseen = await lineUp(fleet, journal, load, places);
  if ((await heal(stage)) && plan.fills) {
    plan.say("filling the log");
    await fillLog(fleet, journal, load);
    await heal(stage);
  }
  return unseen;
}

/** Whether nothing was done to the system. */
async function strikeUnderLoad(stage: Stage): Promise<boolean> {
  const { fleet, plan, journal, load, tenants } = stage;
  const { forMs, pauseMs, restores, fills, more } = plan;
  const faults = faultsOf(fleet, load, plan);
  const isRough = more.some((kind) => rough.includes(kind));
  const calm = faults.length === 0 && !restores && !fills && !isRough;
  await Promise.all([
    load.run(forMs, calm ? { calm, without: rough } : {}),
    tenants.run(forMs),
    strike(faults, plan.random.fork(2), journal, { forMs, pauseMs }),
  ]);
  return calm;
}

/** False: something is stuck, which is a violation whatever comes next. */
async function heal(stage: Stage): Promise<boolean> {
  const { fleet, plan, log, subscribers, webhooks } = stage;
  await fleet.healthy(healWithinMs);
  const waits = await settle(fleet, log, plan.settleWithinMs, [
    (events) => subscribers.waitsFor(events),
    (events) => webhooks.waitsFor(events),
  ]);
  if (waits !== undefined) plan.say(`it still waits for ${waits}`);
  return waits === undefined;
}

async function judge(
  fleet: Fleet,
  seen: Parameters<typeof gather>[1],
  reader: LogReader,
): Promise<Omit<Report, "compared">> {
  const evidence = await gather(fleet, seen, reader);
  const { told, journal } = evidence;
  const violations = check(evidence);
  const output = fleet.output();
  await fleet.stop();
  violations.push(
    ...straysOf(fleet, false).map((one) => `left behind: ${one}`),
  );
  const ends = [...tasksOf(evidence.log).values()].map(({ outcomes: [end] }) =>
    end === undefined ? "none" : kindOf(end),
  );
  return {
    violations,
    answers: countEach(told.map(({ answer }) => String(answer.status))),
    outcomes: countEach(ends),
    faults: countEach(journal.map(({ fault }) => fault)),
    journal: journal.map(formatEntry),
    tasks: tellTasks(violations, evidence.log, seen.said ?? []),
    output,
  };
}

function countEach(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of names.toSorted()) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}
