/** Long texts to tokens on the demo model's vocabulary: the library's own, a slice at a time. */
import fc from "fast-check";
import {
  getLlama,
  LlamaText,
  SpecialToken,
  SpecialTokensText,
  type LlamaModel,
} from "node-llama-cpp";
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "vitest";
import { EngineError } from "../engine.ts";
import { demoModel } from "../../../test/engineTestKit.ts";
import { makePromptReader } from "./prompt.ts";
import { makeTokenizer } from "./tokenizeInSlices.ts";
import { readVocabulary } from "./vocabulary.ts";

const { signal } = new AbortController();
const unbounded = { refuseFrom: () => undefined, signal };

describe("a long text", () => {
  let model: LlamaModel;
  /** The lengths of the texts that the library was given. */
  let asked: number[];
  let watched: LlamaModel;
  beforeAll(async () => {
    const llama = await getLlama({
      ...{ gpu: false, build: "never", progressLogs: false },
    });
    model = await llama.loadModel({ modelPath: demoModel, vocabOnly: true });
    watched = new Proxy(model, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name, target);
        if (name !== "tokenize" && name !== "tokenizer") return value;
        return (...args: Parameters<LlamaModel["tokenize"]>) => {
          asked.push(args[0].length);
          return target.tokenize(...args);
        };
      },
    });
  });
  afterAll(() => model.dispose());

  const tokenize = async (text: LlamaText) => {
    asked = [];
    return await makeTokenizer(watched, readVocabulary(model))(text, unbounded);
  };

  /** 100,000 code units of these parts. */
  const longOf = (parts: string[]) => {
    const text = parts.join("");
    return text.repeat(Math.ceil(100_000 / text.length));
  };
  const fragments = [
    ...[
      "hello",
      " world",
      " ",
      "  ",
      "\n",
      "\n\n",
      "\t",
      "the",
      " the",
      ".",
      ",",
    ],
    ...[
      "<|im_end|>",
      "<|im_start|>user\n",
      "<|im_",
      "|>",
      "<",
      "’s",
      "1",
      "234",
    ],
    ...[
      "é",
      "Å",
      "😀",
      "漢字",
      "\u200d",
      "\ud800",
      " a",
      "x",
      "ing",
      " </s>",
      "\r\n",
    ],
  ];

  test("has the library's tokens, whatever it holds", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom(...fragments), {
          minLength: 1,
          maxLength: 60,
        }),
        fc.boolean(),
        async (parts, raw) => {
          const long = longOf(parts);
          const text = raw
            ? LlamaText([new SpecialTokensText(long)])
            : LlamaText([
                ...[
                  new SpecialToken("BOS"),
                  new SpecialTokensText("<|im_start|>user\n"),
                ],
                ...[long, new SpecialTokensText("<|im_end|>\n")],
              ]);
          const expected = text.tokenize(model.tokenizer);
          assert.deepEqual(await tokenize(text), expected);
        },
      ),
      { numRuns: 15 },
    );
  });

  test("of words, or of special tokens, is never given to the library whole", async () => {
    for (const part of ["hello world, ", "<|im_end|>", "<|im_end|>hi there "]) {
      const text = LlamaText([new SpecialTokensText(longOf([part]))]);
      assert.deepEqual(await tokenize(text), text.tokenize(model.tokenizer));
      assert.ok(asked.length > 5);
      assert.ok(Math.max(...asked) < 17_000, `${Math.max(...asked)}`);
    }
  });

  test("lets the neighbours go on between its slices", async () => {
    let turns = 0;
    let runs = true;
    const turn = () => {
      turns++;
      if (runs) setImmediate(turn);
    };
    setImmediate(turn);
    await tokenize(LlamaText([longOf(["hello world, "])]));
    runs = false;
    assert.ok(turns >= asked.length);
  });

  test("ends when its task is broken off", async () => {
    const stop = new AbortController();
    const read = makeTokenizer(model, readVocabulary(model))(
      LlamaText([longOf(["hello world, "])]),
      { ...unbounded, signal: stop.signal },
    );
    stop.abort(new Error("enough"));
    await assert.rejects(read, /enough/);
  });

  const params = { max_tokens: 8, temperature: 0, top_p: 1 };
  const read = (prompt: string, contextSize: number, raw: boolean) => {
    const reader = makePromptReader(watched);
    asked = [];
    return reader({ prompt, raw, params }, contextSize, signal);
  };
  const isRefusal = (words: RegExp) => (error: unknown) =>
    error instanceof EngineError &&
    error.type === "ValidationError" &&
    words.test(error.message);

  test("that no token is long enough for is refused without being tokenized", async () => {
    for (const raw of [false, true])
      for (const part of ["x", "<|im_end|>", "漢字", "hello "]) {
        const prompt = longOf([part]);
        const refusal = isRefusal(
          /at least \d+ tokens and max_tokens is 8.* holds 2048/,
        );
        await assert.rejects(read(prompt, 2_048, raw), refusal);
        assert.ok(
          asked.every((length) => length < 100),
          asked.join(", "),
        );
      }
  });

  test("is refused as soon as there are too many tokens", async () => {
    for (const part of ["x", "<|im_end|>", "漢字", "hello "]) {
      const prompt = longOf([part]);
      // What would fit if all tokens were the longest.
      await assert.rejects(read(prompt, 8_000, true), isRefusal(/holds 8000/));
      const sum = asked.reduce((all, length) => all + length, 0);
      assert.ok(sum < prompt.length, `${part}: ${sum}`);
    }
  });

  test("is read where it fits to the token", async () => {
    for (const part of ["x", "<|im_end|>", "hello "]) {
      const prompt = longOf([part]);
      const { tokens } = await read(prompt, 1_000_000, true);
      const fits = tokens.length + params.max_tokens;
      assert.deepEqual((await read(prompt, fits, true)).tokens, tokens);
      await assert.rejects(
        read(prompt, fits - 1, true),
        isRefusal(/the prompt has/),
      );
    }
  });
});
