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

export type LeaderCheckpoint = ReturnType<typeof makeLeaderCheckpoint>;

/** The checkpoint of whoever leads: as long as it stands in Redis, nobody else has written there. */
export function makeLeaderCheckpoint(
  writer: Pick<TaskWriter, "commit" | "clear">,
  found: Checkpoint | undefined,
) {
  let written = found;
  let tried = found;
  let last: Promise<unknown> = Promise.resolve();

  async function write(
    next: Checkpoint,
    write: () => Promise<boolean>,
  ): Promise<void> {
    tried = next;
    if (!(await write())) throw refused();
    written = next;
  }
  /** Each step builds on the one before. */
  function inTurn(step: () => Promise<void>): Promise<void> {
    const result = last.then(step);
    last = result.catch(() => undefined);
    return result;
  }

  return {
    get: () => written,
    /** Goes on from what is stored; false where that is neither what was written last nor what a broken-off write tried to. */
    resume(stored: Checkpoint): boolean {
      const ours = [written, tried].some((own) =>
        isDeepStrictEqual(own, stored),
      );
      if (ours) written = stored;
      return ours;
    },
    /** Moves on with these changes in one step. Rejects with {@link refused}, or where Redis is away. */
    advance: (
      move: Partial<Checkpoint>,
      changed: readonly Change[] = [],
      milestones: readonly Milestone[] = [],
    ) =>
      inTurn(async () => {
        const expected = written;
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
