/**
 * Continuous batching over llama.cpp's context: one loop decodes the next token of every answer in one batch and samples
 * all of them, again and again. Prompts are read in pieces between these steps, and an answer takes part in the steps
 * from its second token on.
 *
 * A task is begun, ended and dropped only between two batches: nothing may touch the cells while one is decoded.
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Native } from "../internals.ts";
import type { Sequence } from "../sequence.ts";
import type { Batch } from "./batchClass.ts";
import { makeCells } from "./cells.ts";
import type { DraftModel } from "./draftModel.ts";
import { makeDrafts } from "./drafts.ts";
import { kindOf, makePace } from "./pace.ts";
import { nextPieces } from "./plan.ts";
import { takeTokens, type Running, type Task } from "./running.ts";
import { sampleShare, type Sampled, type Share } from "./sampleShare.ts";
import type { Speculation } from "./speculation.ts";
import type { Threads } from "./threads.ts";

/**
 * One sequence for each of the context's, in the order of their numbers. Without `speculation` nothing is drafted, and
 * without a draft model by prompt lookup.
 */
export function makeBatchLoop(
  native: Native,
  sequences: number,
  threads: Threads,
  speculation?: Speculation,
  draftModel?: DraftModel,
): Sequence[] {
  const pace = makePace();
  const waiting: Task[] = [];
  /** By their sequences' numbers, which is the order in which llama.cpp computes them at once. */
  const running: (Running | undefined)[] = Array.from({ length: sequences });
  let isAwake = false;

  async function run(): Promise<void> {
    if (isAwake) return;
    isAwake = true;
    // What comes in one message begins together.
    await nextTurn();
    let reads = false;
    for (let turn = 1; ; turn++) {
      for (const task of waiting.splice(0)) begin(task, turn);
      dropAborted();
      const tasks = running.filter((task) => task !== undefined);
      if (tasks.length === 0) break;
      const writers = tasks.filter(({ pending }) => pending.length === 1);
      reads = writers.length === 0 || (writers.length < tasks.length && !reads);
      if (reads) await read(tasks, writers.length, turn);
      else await step(writers);
    }
    isAwake = false;
  }

  function begin(task: Task, turn: number): void {
    const { number, cells, work } = task;
    try {
      const sampler = native.makeSampler(work.sampling);
      const kept = cells.keep(work);
      const pending = work.tokens.slice(kept);
      const drafts =
        speculation &&
        (draftModel?.begin(number, work.tokens, work.owner) ??
          makeDrafts(work.tokens, work.most));
      running[number] = {
        ...{ ...task, sampler, kept, pending, drafts },
        ...{ readAt: turn, written: 0 },
      };
    } catch (error) {
      task.ended.reject(error);
    }
  }

  function end(task: Running, error?: { reason: unknown }): void {
    running[task.number] = undefined;
    task.sampler[Symbol.dispose]();
    if (error === undefined) task.ended.resolve(task.kept);
    else task.ended.reject(error.reason);
  }

  function dropAborted(): void {
    for (const task of running)
      if (task?.work.signal.aborted === true) end(task, task.work.signal);
  }

  /** One token of each, and what is drafted after it. */
  async function step(writers: readonly Running[]): Promise<void> {
    const since = performance.now();
    const planned = speculation?.plan(
      writers.map(({ drafts, written, work }) => ({
        ...{ streak: drafts?.streak, most: work.most - written - 1 },
      })),
    );
    let isDrafted = true;
    try {
      if (planned !== undefined) isDrafted = await draft(writers, planned);
    } catch (reason) {
      for (const task of writers) end(task, { reason });
      return;
    }
    const shares = writers.map((task, i) => {
      const guessed = task.drafts?.guess(planned?.[i] ?? 0) ?? [];
      const tokens = [...task.pending, ...guessed];
      return { task, tokens, drafted: guessed.length };
    });
    const rows = countOf(shares);
    const decodedSince = performance.now();
    await decode(rows === 1 ? "alone" : "together", shares);
    const now = performance.now();
    pace.stepTook(now - decodedSince);
    if (isDrafted)
      speculation?.stepTook(writers.length, rows - writers.length, now - since);
  }

  /** By the draft model, if there is one; false: it has read, and drafts in the next step. */
  async function draft(
    writers: readonly Running[],
    planned: readonly number[],
  ): Promise<boolean> {
    const { alone, together } = threads.choice();
    const wishes = writers.map(({ number }, i) => {
      return { sequence: number, count: planned[i]! };
    });
    const limits = {
      tokens: pace.pieceLimit("tiles", {
        ...{ writers: writers.length, short: 0 },
      }),
      threads: writers.length === 1 ? alone : together,
    };
    return (await draftModel?.draft(wishes, limits)) ?? true;
  }

  /** A piece of a prompt, or of several. */
  async function read(
    tasks: readonly Running[],
    writers: number,
    turn: number,
  ): Promise<void> {
    const readers = tasks
      .filter(({ pending }) => pending.length > 1)
      .map((task) => {
        const { number, readAt, pending } = task;
        return { task, number, readAt, pending: pending.length };
      });
    const short = readers.filter((reader) => kindOf(reader) === "short").length;
    const pieces = nextPieces(
      readers,
      (next) => pace.pieceLimit(kindOf(next), { writers, short }),
      native.batchSize,
    );
    const kind = kindOf(pieces[0]!.reader);
    const shares = pieces.map(({ reader: { task }, tokens }) => {
      task.readAt = turn;
      return { task, tokens: task.pending.slice(0, tokens), drafted: 0 };
    });
    const since = performance.now();
    await decode("prompts", shares);
    pace.readTook(kind, countOf(shares), performance.now() - since);
  }

  /**
   * Decodes the shares in one batch; those that have nothing left to decode get their next token. The sampling is asked
   * for with the decoding, and not after it, which would cost each step another way from thread to thread.
   */
  async function decode(
    kind: Batch["kind"],
    shares: readonly Share[],
  ): Promise<void> {
    const depth = Math.max(...shares.map(({ task }) => task.cells.length));
    const batch = { kind, depth, tokens: countOf(shares) };
    native.setThreads(threads.next(batch));
    const since = performance.now();
    let sampling: Promise<(Sampled | undefined)[]> | undefined;
    try {
      const { logits, done } = native.decode(
        shares.map(({ task: { number, cells }, tokens, drafted }) => ({
          ...{ sequence: number, position: cells.length, tokens, drafted },
        })),
      );
      sampling = Promise.all(
        shares.map(async (share, i) =>
          share.task.pending.length > share.tokens.length
            ? undefined
            : await sampleShare(native, share, logits[i]!),
        ),
      );
      await done;
    } catch (reason) {
      // A sampler that is at work can't be disposed of.
      await sampling;
      for (const { task } of shares) {
        task.cells.forget();
        end(task, { reason });
      }
      return;
    }
    threads.took(batch, performance.now() - since);
    const sampled = await sampling;
    sampled.forEach((result, i) => {
      const share = shares[i]!;
      const { task, tokens } = share;
      task.cells.add(tokens);
      task.pending = task.pending.slice(tokens.length);
      handOver(share, result);
    });
  }

  /** All in one turn, so that what a step wrote leaves the process together. */
  function handOver(share: Share, sampled: Sampled | undefined): void {
    const { task } = share;
    const { work } = task;
    try {
      if (work.signal.aborted) end(task, work.signal);
      else if (sampled === undefined) work.onRead?.();
      else if (!takeTokens(task, sampled.tokens, share.drafted, speculation))
        end(task);
      else if (sampled.error !== undefined) end(task, sampled.error);
    } catch (reason) {
      end(task, { reason });
    }
  }

  return running.map((_, number): Sequence => {
    const cells = makeCells(native, number);
    return {
      number,
      get length() {
        return cells.length;
      },
      commonPrefix: cells.commonPrefix,
      write(work) {
        const ended = Promise.withResolvers<number>();
        waiting.push({ number, cells, work, ended });
        void run();
        return ended.promise;
      },
      reset() {
        cells.forget();
        return Promise.resolve();
      },
    };
  });
}

const countOf = (shares: readonly Share[]): number =>
  shares.reduce((sum, { tokens }) => sum + tokens.length, 0);
