import type {
  Change,
  Checkpoint,
  Milestone,
  TaskWriter,
} from "@jetscribe/task-store";
import { isDeepStrictEqual } from "node:util";

/** The checkpoint in Redis is not the one that this instance wrote: Redis was emptied, or another one leads. */
export class Refused extends Error {
  override readonly name = "Refused";
  readonly code = "REFUSED";
  constructor() {
    super("the checkpoint in Redis was changed by somebody else");
  }
}

/** The checkpoint of whoever leads: as long as it stands in Redis, nobody else has written there. */
export interface HeldCheckpoint {
  get: () => Checkpoint | undefined;
  /** Goes on from what is stored; false where that is neither what was written last nor what a broken-off write tried to. */
  resume: (stored: Checkpoint) => boolean;
  /** Moves on with these changes in one step. Rejects with Refused, or where Redis is away. */
  advance: (
    move: Partial<Checkpoint>,
    changed?: readonly Change[],
    milestones?: readonly Milestone[],
  ) => Promise<void>;
  /** Empties everything and begins anew. */
  restart: (stored: Checkpoint | undefined, next: Checkpoint) => Promise<void>;
}

export function holdCheckpoint(
  writer: Pick<TaskWriter, "commit" | "clear">,
  found: Checkpoint | undefined,
): HeldCheckpoint {
  let held = found;
  let tried = found;
  let last: Promise<unknown> = Promise.resolve();

  async function write(
    next: Checkpoint,
    write: () => Promise<boolean>,
  ): Promise<void> {
    tried = next;
    if (!(await write())) throw new Refused();
    held = next;
  }
  /** Each step builds on the one before. */
  function inTurn(step: () => Promise<void>): Promise<void> {
    const result = last.then(step);
    last = result.catch(() => undefined);
    return result;
  }

  return {
    get: () => held,
    resume(stored) {
      const ours = [held, tried].some((one) => isDeepStrictEqual(one, stored));
      if (ours) held = stored;
      return ours;
    },
    advance: (move, changed = [], milestones = []) =>
      inTurn(async () => {
        const expected = held;
        if (expected === undefined) throw new Refused();
        const next = { ...expected, beat: expected.beat + 1, ...move };
        await write(next, () =>
          writer.commit({ expected, next, changed, milestones }),
        );
      }),
    restart: (expected, next) =>
      inTurn(() => write(next, () => writer.clear({ expected, next }))),
  };
}
