/** Pure: a waiting task's place, from how much waits in all queues. */
import { laneShares, type Lane, type Queue } from "@jetscribe/schema";

export interface Backlog {
  queue: Queue;
  waiting: number;
  /** Tokens that one of its tasks takes, prompt and text: the mean of the finished ones; undefined: there is none. */
  usual: number | undefined;
}

export interface Place {
  /** How many tasks start up to and including this one if all owners take turns; 1: it is the next. */
  position: number;
  /** The tokens of those tasks, this one's too; undefined: no task of the model was finished yet. */
  tokens: number | undefined;
  /** Of a group's task: the time of so many tasks of the group passes one after the other, each with this many tokens. */
  group?: { ahead: number; usual: number | undefined };
}

/**
 * Before the task of rank r start the r of its own queue and, as an owner's queues take turns, at most r + 1 of each other
 * queue of its owner. If these are s, at most s + 1 of each other owner start before it, as owners take turns too; and of
 * the other lane those whose turns come before, by the lanes' shares. The position takes all tasks as alike; the tokens
 * go by what is usual for each owner.
 */
export function placeIn(
  backlogs: Iterable<Backlog>,
  queue: Queue,
  rank: number,
): Place {
  const ofModel = [...backlogs].filter(
    (backlog) => backlog.queue.model === queue.model,
  );
  const mean = meanUsual(ofModel, queue.model) ?? NaN;
  const usualOf = ({ usual = mean }: Backlog) => usual;
  const own = ofModel.find((backlog) => isSame(backlog.queue, queue));
  const ownUsual = own === undefined ? mean : usualOf(own);

  const inLane = { tasks: rank + 1, tokens: (rank + 1) * ownUsual };
  const others = { tasks: 0, tokens: 0 };
  const siblings: Work[] = [];
  const owners = new Map<string, Work>();
  for (const backlog of ofModel) {
    if (backlog === own) continue;
    const tasks = backlog.waiting;
    const work = { tasks, tokens: tasks * usualOf(backlog) };
    const { lane, owner } = backlog.queue;
    if (lane !== queue.lane) addTo(others, work);
    else if (owner === queue.owner) siblings.push(work);
    else {
      const ofOwner = owners.get(owner) ?? { tasks: 0, tokens: 0 };
      owners.set(owner, addTo(ofOwner, work));
    }
  }
  addTurns(inLane, siblings);
  addTurns(inLane, owners.values());
  const ratio = ratioOf(queue.lane);
  const tokens = inLane.tokens + Math.min(others.tokens, inLane.tokens * ratio);
  return {
    position:
      inLane.tasks + Math.min(others.tasks, aheadOf(inLane.tasks, queue.lane)),
    tokens: Number.isNaN(tokens) ? undefined : tokens,
    ...(queue.group !== undefined && {
      group: {
        ahead: rank,
        usual: Number.isNaN(ownUsual) ? undefined : ownUsual,
      },
    }),
  };
}

interface Work {
  tasks: number;
  tokens: number;
}

function addTo(sum: Work, { tasks, tokens }: Work): Work {
  sum.tasks += tasks;
  sum.tokens += tokens;
  return sum;
}

/** Adds what starts before it of others that take turns with it. */
function addTurns(place: Work, others: Iterable<Work>): void {
  const most = { ...place };
  for (const { tasks, tokens } of others)
    addTo(place, {
      tasks: Math.min(tasks, most.tasks),
      tokens: Math.min(tokens, most.tokens),
    });
}

/** What is usual for a model's queues, for one that has nothing finished yet; undefined: none has. */
export function meanUsual(
  backlogs: Iterable<Backlog>,
  model: string,
): number | undefined {
  let [sum, count] = [0, 0];
  for (const { queue, usual } of backlogs) {
    if (queue.model !== model || usual === undefined) continue;
    // Of a group the owner's own is known.
    if (queue.group !== undefined) continue;
    sum += usual;
    count++;
  }
  return count > 0 ? sum / count : undefined;
}

const isSame = (a: Queue, b: Queue) =>
  a.owner === b.owner && a.lane === b.lane && a.group === b.group;

/** What the other lane has for one of this. */
const ratioOf = (lane: Lane): number => {
  const { interactive, batch } = laneShares;
  return lane === "batch" ? interactive / batch : batch / interactive;
};

/** How many tasks of the other lane come before the one that is in this place of its lane: the batch lane is the last of ten. */
function aheadOf(place: number, lane: Lane): number {
  const { interactive, batch } = laneShares;
  return lane === "batch"
    ? Math.floor((place * interactive) / batch)
    : Math.ceil((place * batch) / interactive) - 1;
}
