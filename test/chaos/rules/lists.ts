/** `GET /tasks` is a fold of the log: each own task once, the newest first, as it was while the page was made. */
import type { Evidence } from "../evidence.ts";
import type { LoggedEvent } from "../readLog.ts";
import { outcomeWords, type LoggedTask } from "../tasks.ts";
import type { Listed, Walk } from "../walkLists.ts";

/** By clocks of one machine, which are read to the millisecond. */
const slackMs = 2;

/** What the log says of a task from some time on. */
interface State {
  from: number;
  status: string;
  attempt: number;
}

/** What a list may say of a task. */
interface Life {
  id: string;
  owner: string;
  model: string;
  lane: string;
  request: LoggedEvent;
  /** In order. */
  states: readonly State[];
  /** When the broker stored its first start and its outcome. */
  startedAt: number | undefined;
  end: LoggedEvent | undefined;
}

export function checkLists(
  { lists = [], told }: Evidence,
  tasks: ReadonlyMap<string, LoggedTask>,
): string[] {
  const lives = new Map<string, Life>();
  for (const task of tasks.values()) {
    const life = lifeOf(task);
    if (life !== undefined) lives.set(life.id, life);
  }
  const byOwner = Map.groupBy(lives.values(), ({ owner }) => owner);
  const lost = new Set(told.flatMap((one) => (one.lost ? one.taskId : [])));
  const wrong = lists.flatMap((walk) => [
    ...checkOrder(walk),
    ...checkPages(walk, lives, lost),
    ...(walk.whole ? checkWhole(walk, byOwner.get(walk.owner) ?? []) : []),
  ]);
  return [...new Set(wrong)];
}

function lifeOf({ id, requests, events }: LoggedTask): Life | undefined {
  const [request] = requests;
  if (request === undefined) return undefined;
  const [, model = "", lane = "", owner = ""] = request.queue.split("=");
  const states: State[] = [
    { from: request.time, status: "queued", attempt: 0 },
  ];
  const life: Life = {
    id,
    owner,
    model,
    lane,
    request,
    states,
    startedAt: undefined,
    end: undefined,
  };
  for (const event of events) {
    const last = states.at(-1);
    if (last === undefined || life.end !== undefined) break;
    const { word, time: from } = event;
    const attempt = Number(event.data["attempt"]);
    if (word === "started" && attempt > last.attempt) {
      states.push({ from, status: "processing", attempt });
      life.startedAt ??= from;
    } else if (word === "retried") {
      const counts =
        attempt > last.attempt ||
        (attempt === last.attempt && last.status === "processing");
      if (counts) states.push({ from, status: "queued", attempt });
    } else if (outcomeWords.includes(word)) {
      states.push({ from, status: word, attempt: last.attempt });
      life.end = event;
    }
  }
  return life;
}

function checkOrder({ owner, pages }: Walk): string[] {
  const ids = pages.flatMap(({ tasks }) => tasks.map((one) => one.task_id));
  return ids.flatMap((id, i) => {
    const before = ids[i - 1];
    return before !== undefined && id >= before
      ? [`${id}: listed to ${owner} behind ${before}`]
      : [];
  });
}

const checkPages = (
  { owner, filter, pages }: Walk,
  lives: ReadonlyMap<string, Life>,
  lost: ReadonlySet<string | undefined>,
): string[] =>
  pages.flatMap(({ from, to, tasks }) =>
    tasks.flatMap((listed) => {
      const { task_id: id } = listed;
      const life = lives.get(id);
      if (life === undefined)
        return lost.has(id) ? [] : [`${id}: is listed and not in the log`];
      if (life.owner !== owner)
        return [`${id}: of ${life.owner}, and listed to ${owner}`];
      return isOf(listed, life, [from - slackMs, to + slackMs], filter)
        ? []
        : [
            `${id}: listed as ${JSON.stringify(listed)}, the log has ${JSON.stringify(life.states)}`,
          ];
    }),
  );

/** Whether the task was so at some time between two. */
function isOf(
  listed: Listed,
  life: Life,
  [from, to]: readonly [number, number],
  filter: Walk["filter"],
): boolean {
  const { model, lane, request, states } = life;
  const metadata = request.data["metadata"] as Listed["metadata"];
  const is = states.some(
    (state, i) =>
      state.status === listed.status &&
      state.attempt === listed.attempt &&
      state.from <= to &&
      (states[i + 1]?.from ?? Infinity) >= from,
  );
  const ended = outcomeWords.includes(listed.status);
  const started = listed.attempt > 0;
  const error = life.end?.data["error"] as { type?: string } | undefined;
  return (
    is &&
    listed.model === model &&
    listed.lane === lane &&
    isAt(listed.requested_at, request.time) &&
    isAt(listed.started_at, started ? life.startedAt : undefined) &&
    isAt(listed.ended_at, ended ? life.end?.time : undefined) &&
    listed.error_type === (ended ? error?.type : undefined) &&
    JSON.stringify(listed.metadata) === JSON.stringify(metadata) &&
    matches(listed, filter)
  );
}

const isAt = (seconds: number | undefined, ms: number | undefined): boolean =>
  seconds === undefined || ms === undefined
    ? seconds === ms
    : Math.abs(seconds * 1_000 - ms) <= slackMs;

const matches = (
  { status, model, lane }: Pick<Listed, "status" | "model" | "lane">,
  filter: Walk["filter"],
): boolean =>
  (filter["status"]?.split(",").includes(status) ?? true) &&
  (filter["model"] ?? model) === model &&
  (filter["lane"] ?? lane) === lane;

/** What was stored before the reader came, and matched all the while, has to be there. */
function checkWhole(walk: Walk, own: readonly Life[]): string[] {
  const { owner, filter, from, pages } = walk;
  const to = pages.at(-1)?.to ?? from;
  const listed = new Set(
    pages.flatMap(({ tasks }) => tasks.map((one) => one.task_id)),
  );
  return own.flatMap(({ id, model, lane, request, states }) => {
    if (listed.has(id) || request.time >= from) return [];
    const meanwhile = states.filter(
      (state, i) =>
        state.from <= to && (states[i + 1]?.from ?? Infinity) >= from,
    );
    const always = meanwhile.every(({ status }) =>
      matches({ status, model, lane }, filter),
    );
    return always
      ? [`${id}: is not listed to ${owner} by ${JSON.stringify(filter)}`]
      : [];
  });
}
