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
import {
  alikeFrom,
  type Sampling,
  type Sequence,
  type Writing,
} from "../sequence.ts";
import type { Batch } from "./batchClass.ts";
import { makeCells, type Cells } from "./cells.ts";
import type { DraftModel } from "./draftModel.ts";
import { makeDrafts, type Drafts } from "./drafts.ts";
import { makePace, type PieceKind } from "./pace.ts";
import { nextPieces, type Reader } from "./plan.ts";
import type { Speculation } from "./speculation.ts";
import type { Threads } from "./threads.ts";

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
  /** So many tokens were written. */
  written: number;
  /** What it probably writes next. */
  drafts: Drafts | undefined;
}

interface Share {
  task: Running;
  tokens: readonly Token[];
  /** How many of the tokens, at their end, are guessed. */
  drafted: number;
}

/** The tokens that the sampler chose, and how it failed after them. */
interface Sampled {
  tokens: Token[];
  error?: { reason: unknown };
}

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
            : await sample(share, logits[i]!),
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

  /** The next token, and where it is as guessed the one after it, and so on: the sampler never takes one back. */
  async function sample(share: Share, logitsAt: number): Promise<Sampled> {
    const { sampler, work } = share.task;
    const sampleAt = (place: number) =>
      native.sample(logitsAt + place, sampler);
    const guessed = share.tokens.slice(share.tokens.length - share.drafted);
    const tokens: Token[] = [];
    try {
      // The way to the thread that samples and back costs more than the likeliest token.
      const all = remembersNothing(work.sampling)
        ? await Promise.allSettled(
            [...guessed.keys(), guessed.length].map(sampleAt),
          )
        : undefined;
      for (let i = 0; i <= guessed.length; i++) {
        const result = all?.[i];
        if (result?.status === "rejected") throw result.reason;
        tokens.push(result?.value ?? (await sampleAt(i)));
        if (tokens[i] !== guessed[i]) break;
      }
    } catch (reason) {
      return { tokens, error: { reason } };
    }
    return { tokens };
  }

  /** All in one turn, so that what a step wrote leaves the process together. */
  function handOver(share: Share, sampled: Sampled | undefined): void {
    const { task } = share;
    const { work } = task;
    try {
      if (work.signal.aborted) end(task, work.signal);
      else if (sampled === undefined) work.onRead?.();
      else if (!take(share, sampled.tokens)) end(task);
      else if (sampled.error !== undefined) end(task, sampled.error);
    } catch (reason) {
      end(task, { reason });
    }
  }

  /** Hands out the tokens, and forgets the drafts that were wrong; false: the answer is complete. */
  function take({ task, drafted }: Share, tokens: readonly Token[]): boolean {
    const { work, cells, drafts } = task;
    let goesOn = true;
    let taken = 0;
    while (goesOn && taken < tokens.length) {
      const token = tokens[taken++]!;
      if (drafts !== undefined) learn(drafts, token);
      goesOn = work.onToken(token);
    }
    task.written += taken;
    if (drafted > 0)
      work.onDrafted?.(
        drafted,
        Math.min(taken, Math.max(0, tokens.length - 1)),
      );
    if (!goesOn) return false;
    if (tokens.length === 0) return true;
    cells.cutTo(cells.length - drafted + tokens.length - 1);
    task.pending = tokens.slice(-1);
    return true;
  }

  function learn(drafts: Drafts, token: Token): void {
    const [guessed] = drafts.guess(1);
    if (guessed !== undefined && drafts.streak !== undefined)
      speculation?.guessed(drafts.streak, guessed === token);
    drafts.take(token);
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

const kindOf = ({ pending }: Reader): PieceKind =>
  pending < alikeFrom ? "short" : "tiles";

const countOf = (shares: readonly Share[]): number =>
  shares.reduce((sum, { tokens }) => sum + tokens.length, 0);

/** Then tokens can be sampled that are thrown away. */
const remembersNothing = ({ temperature, penalties, grammar }: Sampling) =>
  temperature === 0 && penalties === undefined && grammar === undefined;
