/** What the loop decodes, and when, over a context that only counts. */
import { eventually } from "@jetscribe/testing";
import type { LlamaGrammar, Token } from "node-llama-cpp";
import assert from "node:assert/strict";
import { describe, onTestFinished, test, vi } from "vitest";
import type { Native, Share } from "../internals.ts";
import type { Sampling, Writing } from "../sequence.ts";
import { makeBatchLoop } from "./batchLoop.ts";
import type { DraftModel } from "./draftModel.ts";
import { makeSpeculation, type Speculation } from "./speculation.ts";
import { fixedThreads } from "./threads.ts";

const tokensOf = (count: number) =>
  Array.from({ length: count }, (_, i) => (i + 1) as Token);

const greedy = { temperature: 0, topK: 0, topP: 1, minP: 0, seed: 1 };
/** The numbers of the logits of a share are below this. */
const logitsOfShare = 100;

interface Fake {
  /** What it waits for before a batch is decoded. */
  decoded?: () => Promise<unknown>;
  /** Looks at each batch before it is decoded, and may throw. */
  onBatch?: (shares: readonly Share[], count: number) => void;
  /** Throws for the sequence whose sampler fails. */
  onSample?: (sequence: number) => void;
  /** The token after this place of the text; without it, a number for each step. */
  text?: (place: number) => number;
  speculation?: Speculation;
  draftModel?: DraftModel;
}

/** A loop of so many sequences, and its batches as `sequence:tokens`. */
function open(
  sequences: number,
  {
    decoded = () => Promise.resolve(),
    onBatch = () => undefined,
    onSample = () => undefined,
    text,
    speculation,
    draftModel,
  }: Fake = {},
) {
  const batches: string[] = [];
  const cuts: [number, number][] = [];
  let samples = 0;
  let latest: readonly Share[] = [];
  const native: Native = {
    ...{ batchSize: 512, cutsBack: true, rowsAlike: false },
    probabilities: () => Promise.resolve([]),
    decode(shares) {
      latest = shares;
      batches.push(
        shares.map((s) => `${s.sequence}:${s.tokens.length}`).join(" "),
      );
      const done = Promise.try(onBatch, shares, batches.length)
        .then(decoded)
        .then(() => undefined);
      return { logits: shares.map((_, i) => i * logitsOfShare), done };
    },
    async sample(index) {
      samples++;
      await Promise.resolve();
      const share = latest[Math.floor(index / logitsOfShare)]!;
      const { sequence, position, tokens, drafted } = share;
      onSample(sequence);
      const last = position + tokens.length - 1 - drafted;
      return (text?.(last + 1 + (index % logitsOfShare)) ??
        1_000 * sequence + position) as Token;
    },
    makeSampler: () => ({ native: {}, [Symbol.dispose]: () => undefined }),
    isWhole: () => true,
    cut: (sequence, from) => cuts.push([sequence, from]) > 0,
    setThreads: () => undefined,
  };
  const threads = fixedThreads(1);
  const all = makeBatchLoop(
    ...[native, sequences, threads, speculation, draftModel],
  );
  /** Reads so many tokens and writes so many. */
  function write(
    number: number,
    prompt: number,
    answer: number,
    changes: Partial<Writing> = {},
  ) {
    const written: number[] = [];
    const ended = all[number]!.write({
      ...{ tokens: tokensOf(prompt), goesOn: false, most: answer },
      owner: "ann",
      sampling: greedy,
      signal: new AbortController().signal,
      onToken: (token) => written.push(token) < answer,
      ...changes,
    });
    return { ended, written };
  }
  return { batches, cuts, write, samples: () => samples };
}

describe("the loop", () => {
  test("decodes one token of each answer in one batch, in the order of the sequences", async () => {
    const { batches, write } = open(4);
    const tasks = [write(2, 3, 3), write(0, 3, 3), write(1, 3, 2)];
    await Promise.all(tasks.map(({ ended }) => ended));
    assert.deepEqual(batches, ["0:3 1:3 2:3", "0:1 1:1 2:1", "0:1 2:1"]);
    // Each with the logits of its own place.
    assert.deepEqual(
      tasks.map(({ written }) => written),
      [
        [2_000, 2_003, 2_004],
        [0, 3, 4],
        [1_000, 1_003],
      ],
    );
  });

  test("reads short prompts together where more of them wait than write", async () => {
    vi.useFakeTimers({ toFake: ["performance"] });
    onTestFinished(() => void vi.useRealTimers());
    const { batches, write } = open(5, {
      // A step takes 10 ms, a token of a prompt 1 ms.
      onBatch: ([first]) =>
        vi.advanceTimersByTime(first!.tokens.length === 1 ? 10 : 20),
    });
    const others: Promise<number>[] = [];
    await write(0, 20, 30, {
      onToken() {
        if (batches.length === 9)
          for (let n = 1; n <= 4; n++) others.push(write(n, 20, 1).ended);
        return batches.length < 30;
      },
    }).ended;
    await Promise.all(others);
    const reads = batches.filter((batch) => batch.includes(":20"));
    assert.deepEqual(reads, ["0:20", "1:20 2:20 3:20 4:20"]);
  });

  test("asks for the samples of a batch while it is decoded", async () => {
    const { samples, write } = open(2, {
      decoded: () => eventually(() => samples() >= 2),
    });
    await Promise.all([write(0, 3, 1).ended, write(1, 3, 1).ended]);
    assert.equal(samples(), 2);
  });

  test("reads a piece of a prompt after each step, and prompts in turns", async () => {
    const { batches, write } = open(3);
    const first = write(0, 2, 6);
    await Promise.all([
      first.ended,
      write(1, 600, 1).ended,
      write(2, 700, 1).ended,
    ]);
    const sequences = batches.map((batch) => batch.split(":")[0]).join("");
    assert.match(sequences, /^001020/);
  });

  test("drops an aborted answer before the next batch, with the signal's reason", async () => {
    const stop = new AbortController();
    const reason = new Error("enough");
    const { batches, write } = open(2, {
      onBatch: (_, count) => count === 3 && stop.abort(reason),
    });
    const { signal } = stop;
    const dropped = write(0, 2, 100, { signal });
    const other = write(1, 2, 5);
    await assert.rejects(dropped.ended, reason);
    await other.ended;
    assert.equal(dropped.written.length, 2);
    assert.deepEqual(batches.slice(3), ["1:1", "1:1"]);
  });

  test("drops an aborted prompt that waits for its turn to be read", async () => {
    const stop = new AbortController();
    const { batches, write } = open(2, {
      onBatch: (_, count) => count === 1 && stop.abort(),
    });
    const other = write(0, 600, 1);
    const { signal } = stop;
    await assert.rejects(write(1, 700, 1, { signal }).ended);
    await other.ended;
    assert.ok(batches.every((batch) => !batch.includes("1:")));
  });

  test("drops an aborted prompt after the piece that is being read", async () => {
    const stop = new AbortController();
    const reason = new Error("enough");
    let pieces = 0;
    const { write } = open(2, {
      onBatch(shares) {
        if (!shares.some(({ sequence }) => sequence === 1)) return;
        pieces += 1;
        if (pieces === 2) stop.abort(reason);
      },
    });
    const other = write(0, 2, 20);
    const dropped = write(1, 5_000, 1, { signal: stop.signal });
    await assert.rejects(dropped.ended, reason);
    await other.ended;
    assert.equal(pieces, 2);
    assert.equal(other.written.length, 20);
  });

  test("reads a prompt to its end though others begin all the time", async () => {
    let churns = true;
    const { batches, write } = open(3, {
      // A broken order would never come to the end of the long prompt.
      onBatch: (_, count) => (churns &&= count < 500),
    });
    const long = write(0, 5_000, 1);
    async function churn(number: number) {
      while (churns) await write(number, 70, 1).ended;
    }
    const others = [churn(1), churn(2)];
    await long.ended;
    assert.ok(churns, `only after ${batches.length} batches`);
    churns = false;
    await Promise.all(others);
  });

  test("fails those whose batch can't be decoded, and empties their cells", async () => {
    const broken = new Error("no");
    const { batches, cuts, write } = open(2, {
      onBatch(shares, count) {
        if (count === 2) throw broken;
        assert.ok(shares.length > 0);
      },
    });
    const [one, other] = [write(0, 3, 9), write(1, 3, 9)];
    await assert.rejects(one.ended, broken);
    await assert.rejects(other.ended, broken);
    assert.deepEqual(cuts, []);
    const again = write(0, 3, 1, { goesOn: true });
    assert.equal(await again.ended, 0);
    assert.deepEqual(cuts, [[0, 0]]);
    assert.deepEqual(batches, ["0:3 1:3", "0:1 1:1", "0:3"]);
  });

  test("fails only the answer whose next token can't be chosen or taken", async () => {
    const { write } = open(3, {
      onSample: (sequence) => assert.notEqual(sequence, 1),
    });
    const onToken = () => assert.fail("not taken");
    const [one, two, three] = [
      ...[write(0, 3, 4), write(1, 3, 4), write(2, 3, 4, { onToken })],
    ] as const;
    await assert.rejects(two.ended);
    await assert.rejects(three.ended, /not taken/);
    await one.ended;
    assert.equal(one.written.length, 4);
  });

  test("decodes what is drafted with the latest token, and keeps what was right", async () => {
    const drafted: number[] = [];
    // Four tokens over and over, but for one place.
    const text = (place: number) => (place === 30 ? 77 : 1 + (place % 4));
    const speculation = makeSpeculation("on");
    const { batches, cuts, write } = open(1, { text, speculation });
    const tokens = Array.from({ length: 8 }, (_, i) => text(i) as Token);
    const { ended, written } = write(0, 8, 40, {
      tokens,
      onDrafted: (some, right) => drafted.push(some, right),
    });
    await ended;
    assert.deepEqual(
      written,
      Array.from({ length: 40 }, (_, i) => text(8 + i)),
    );
    // The prompt, the first token with five drafts, then with eight, and again; of the fourth batch six are right.
    assert.deepEqual(batches.slice(0, 4), ["0:8", "0:6", "0:9", "0:9"]);
    assert.deepEqual(drafted.slice(0, 6), [5, 5, 8, 8, 8, 6]);
    assert.deepEqual(cuts[0], [0, 30]);
    assert.ok(batches.length < 20);
  });

  test("tells whether each guess was right, and after how many right ones", async () => {
    const guesses: [streak: number, right: boolean][] = [];
    const text = (place: number) => (place === 11 ? 77 : 1 + (place % 4));
    const { write } = open(1, {
      text,
      speculation: {
        plan: () => [0],
        guessed: (streak, right) => void guesses.push([streak, right]),
        stepTook: () => undefined,
      },
    });
    const tokens = Array.from({ length: 8 }, (_, i) => text(i) as Token);
    await write(0, 8, 6, { tokens }).ended;
    // Also those that are not decoded. After the wrong one nothing is guessed until three tokens stood there before.
    assert.deepEqual(guesses, [
      ...[0, 1, 2].map((streak) => [streak, true]),
      [3, false],
    ]);
  });

  test.each([
    ["the likeliest tokens", {}, true],
    ["a temperature", { temperature: 1 }, false],
    [
      "penalties",
      {
        penalties: {
          ...{ repeat: 1.1, presence: 0, frequency: 0 },
          ...{ lookBack: 9, written: [] },
        },
      },
      false,
    ],
    ["a grammar", { grammar: {} as LlamaGrammar }, false],
  ])(
    "with %s a sampler is asked beyond a wrong guess only if it remembers nothing",
    async (_, change: Partial<Sampling>, asksBeyond) => {
      const text = (place: number) => (place === 12 ? 77 : 1 + (place % 4));
      const speculation = makeSpeculation("on");
      const { samples, write } = open(1, { text, speculation });
      const tokens = Array.from({ length: 8 }, (_, i) => text(i) as Token);
      const sampling = { ...greedy, ...change };
      const { ended, written } = write(0, 8, 12, { tokens, sampling });
      await ended;
      assert.equal(samples() > written.length, asksBeyond);
    },
  );

  test("drafts nothing beyond the last token that may be written", async () => {
    const text = (place: number) => 1 + (place % 4);
    const speculation = makeSpeculation("on");
    const { batches, write } = open(1, { text, speculation });
    const tokens = Array.from({ length: 8 }, (_, i) => text(i) as Token);
    const { ended, written } = write(0, 8, 6, { tokens });
    await ended;
    assert.deepEqual(batches, ["0:8", "0:5"]);
    assert.equal(written.length, 6);
  });

  test("no more drafts are accepted than an answer takes that ends among them", async () => {
    const drafted: number[] = [];
    const text = (place: number) => 1 + (place % 4);
    const { write } = open(1, { text, speculation: makeSpeculation("on") });
    const tokens = Array.from({ length: 8 }, (_, i) => text(i) as Token);
    const onDrafted = (some: number, right: number) =>
      drafted.push(some, right);
    await write(0, 8, 4, { tokens, most: 50, onDrafted }).ended;
    // The first token came with the prompt.
    assert.deepEqual(drafted, [5, 3]);
  });

  test("an answer that ends within its drafts is whole, though the sampler finds nothing after its end", async () => {
    let chosen = 0;
    // One that remembers what it chose, and so is asked for one token after the other.
    const sampling = { ...greedy, temperature: 1 };
    const text = (place: number) => 1 + (place % 4);
    const { write } = open(1, {
      ...{ text, speculation: makeSpeculation("on") },
      onSample: () => assert.ok(++chosen < 5),
    });
    const tokens = Array.from({ length: 8 }, (_, i) => text(i) as Token);
    const done = write(0, 8, 4, { tokens, sampling, most: 50 });
    await done.ended;
    assert.equal(done.written.length, 4);
    chosen = 0;
    const broken = write(0, 8, 9, { tokens, sampling, most: 50 });
    await assert.rejects(broken.ended);
    assert.equal(broken.written.length, 4);
  });

  test("fails those that can't be drafted, and goes on with others", async () => {
    const broken = new Error("no");
    let fails = true;
    const { write } = open(2, {
      speculation: makeSpeculation("on", "model"),
      draftModel: {
        begin: () => {
          return { streak: 0, guess: () => [], take: () => undefined };
        },
        draft: () => (fails ? Promise.reject(broken) : Promise.resolve(true)),
      },
    });
    const tasks = [write(0, 3, 4), write(1, 3, 4)];
    for (const { ended } of tasks) await assert.rejects(ended, broken);
    fails = false;
    const next = write(0, 3, 4);
    await next.ended;
    assert.equal(next.written.length, 4);
  });

  test("a step in which the draft model only read is not measured", async () => {
    const measured: number[] = [];
    let read = 0;
    const speculation = makeSpeculation("on", "model");
    const { write } = open(1, {
      speculation: {
        ...speculation,
        stepTook: (_, rows) => void measured.push(rows),
      },
      draftModel: {
        begin: () => {
          return { streak: 0, guess: () => [], take: () => undefined };
        },
        draft: () => Promise.resolve(++read > 3),
      },
    });
    await write(0, 3, 6).ended;
    // The last step is measured after its token was handed out.
    await eventually(() => measured.length >= 2);
    assert.deepEqual(measured, [0, 0]);
  });
});
