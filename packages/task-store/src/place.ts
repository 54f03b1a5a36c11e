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
}

/**
 * Before the task of rank r start the r of its own owner and, as owners take turns, at most r + 1 of each other owner;
 * and of the other lane those whose turns come before, by the lanes' shares. The position takes all tasks as alike; the
 * tokens go by what is usual for each owner.
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
  const maxOfEach = { ...inLane };
  const others = { tasks: 0, tokens: 0 };
  for (const backlog of ofModel) {
    if (backlog === own) continue;
    const tasks = backlog.waiting;
    const tokens = tasks * usualOf(backlog);
    if (backlog.queue.lane === queue.lane) {
      inLane.tasks += Math.min(tasks, maxOfEach.tasks);
      inLane.tokens += Math.min(tokens, maxOfEach.tokens);
    } else {
      others.tasks += tasks;
      others.tokens += tokens;
    }
  }
  const ratio = ratioOf(queue.lane);
  const tokens = inLane.tokens + Math.min(others.tokens, inLane.tokens * ratio);
  return {
    position:
      inLane.tasks + Math.min(others.tasks, aheadOf(inLane.tasks, queue.lane)),
    tokens: Number.isNaN(tokens) ? undefined : tokens,
  };
}

/** What is usual for a model's queues, for one that has nothing finished yet; undefined: none has. */
export function meanUsual(
  backlogs: Iterable<Backlog>,
  model: string,
): number | undefined {
  let [sum, count] = [0, 0];
  for (const { queue, usual } of backlogs) {
    if (queue.model !== model || usual === undefined) continue;
    sum += usual;
    count++;
  }
  return count > 0 ? sum / count : undefined;
}

const isSame = (a: Queue, b: Queue) => a.owner === b.owner && a.lane === b.lane;

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
