/**
 * Continuous batching over llama.cpp's context: one loop decodes the next token of every answer in one batch and samples
 * all of them, again and again. Prompts are read in pieces between these steps, and an answer takes part in the steps
 * from its second token on.
 *
 * A task is begun, ended and dropped only between two batches: nothing may touch the cells while one is decoded.
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Token } from "node-llama-cpp";
import type { Native, Sampler } from "../internals.ts";
import type { Sequence, Writing } from "../sequence.ts";
import { makeCells, type Cells } from "./cells.ts";
import { makePace } from "./pace.ts";
import { nextPieces } from "./plan.ts";
import type { Batch, Threads } from "./threads.ts";

/** What a sequence is asked to do, until it is done. */
interface Task {
  number: number;
  cells: Cells;
  work: Writing;
  ended: PromiseWithResolvers<number>;
}

interface Running extends Task {
  sampler: Sampler;
  /** Tokens that its cells had already. */
  kept: number;
  /** What is to be decoded before the next token is sampled: the rest of the prompt, later the latest token. */
  pending: readonly Token[];
  /** The turn in which it last read, or began: whoever begins later waits for those that have begun. */
  readAt: number;
}

interface Share {
  task: Running;
  tokens: readonly Token[];
}

/** One sequence for each of the context's, in the order of their numbers. */
export function makeBatchLoop(
  native: Native,
  sequences: number,
  threads: Threads,
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
      if (reads) await read(tasks, writers.length > 0, turn);
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
      running[number] = { ...task, sampler, kept, pending, readAt: turn };
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

  /** One token of each. */
  async function step(writers: readonly Running[]): Promise<void> {
    const since = performance.now();
    await decode(
      writers.length === 1 ? "alone" : "together",
      writers.map((task) => ({ task, tokens: task.pending })),
    );
    pace.stepTook(performance.now() - since);
  }

  /** A piece of a prompt, or of several. */
  async function read(
    tasks: readonly Running[],
    writes: boolean,
    turn: number,
  ): Promise<void> {
    const readers = tasks.filter(({ pending }) => pending.length > 1);
    const pieces = nextPieces(
      readers.map((task) => {
        const { number, readAt, pending } = task;
        return { task, number, readAt, pending: pending.length };
      }),
      pace.pieceLimit({ writes }),
      native.batchSize,
    );
    const shares = pieces.map(({ reader: { task }, tokens }) => {
      task.readAt = turn;
      return { task, tokens: task.pending.slice(0, tokens) };
    });
    const since = performance.now();
    await decode("prompts", shares);
    pace.readTook(countOf(shares), performance.now() - since);
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
    let sampling:
      Promise<PromiseSettledResult<Token | undefined>[]> | undefined;
    try {
      const { logits, done } = native.decode(
        shares.map(({ task: { number, cells }, tokens }) => ({
          ...{ sequence: number, position: cells.length, tokens },
        })),
      );
      sampling = Promise.allSettled(
        shares.map(async ({ task: { pending, sampler }, tokens }, i) =>
          pending.length > tokens.length
            ? undefined
            : await native.sample(logits[i]!, sampler),
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
      const { task, tokens } = shares[i]!;
      task.cells.add(tokens);
      task.pending = task.pending.slice(tokens.length);
      handOver(task, result);
    });
  }

  /** All in one turn, so that what a step wrote leaves the process together. */
  function handOver(
    task: Running,
    sampled: PromiseSettledResult<Token | undefined>,
  ): void {
    const { work } = task;
    try {
      if (work.signal.aborted) end(task, work.signal);
      else if (sampled.status === "rejected") end(task, sampled);
      else if (sampled.value === undefined) work.onRead?.();
      else if (work.onToken(sampled.value)) task.pending = [sampled.value];
      else end(task);
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
