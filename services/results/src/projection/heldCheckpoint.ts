import type {
  Change,
  Checkpoint,
  Milestone,
  TaskWriter,
} from "@jetscribe/task-store";
import { isDeepStrictEqual } from "node:util";

/** The checkpoint in Redis is not the one that this instance wrote: Redis was emptied, or another one leads. */
export const refused = () =>
  new Error("the checkpoint in Redis was changed by somebody else");

export type HeldCheckpoint = ReturnType<typeof holdCheckpoint>;

/** The checkpoint of whoever leads: as long as it stands in Redis, nobody else has written there. */
export function holdCheckpoint(
  writer: Pick<TaskWriter, "commit" | "clear">,
  found: Checkpoint | undefined,
) {
  let held = found;
  let tried = found;
  let last: Promise<unknown> = Promise.resolve();

  async function write(
    next: Checkpoint,
    write: () => Promise<boolean>,
  ): Promise<void> {
    tried = next;
    if (!(await write())) throw refused();
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
    /** Goes on from what is stored; false where that is neither what was written last nor what a broken-off write tried to. */
    resume(stored: Checkpoint): boolean {
      const ours = [held, tried].some((own) => isDeepStrictEqual(own, stored));
      if (ours) held = stored;
      return ours;
    },
    /** Moves on with these changes in one step. Rejects with {@link refused}, or where Redis is away. */
    advance: (
      move: Partial<Checkpoint>,
      changed: readonly Change[] = [],
      milestones: readonly Milestone[] = [],
    ) =>
      inTurn(async () => {
        const expected = held;
        if (expected === undefined) throw refused();
        const next = { ...expected, beat: expected.beat + 1, ...move };
        await write(next, () =>
          writer.commit({ expected, next, changed, milestones }),
        );
      }),
    /** Empties everything and begins anew. */
    restart: (expected: Checkpoint | undefined, next: Checkpoint) =>
      inTurn(() => write(next, () => writer.clear({ expected, next }))),
  };
}
