/**
 * node-llama-cpp's own evaluation loop: what runs where its native interface is not the one that `loop/` knows, and what
 * `loop/` is compared with.
 */
import {
  LlamaGrammarEvaluationState,
  TokenBias,
  type LlamaContext,
  type LlamaModel,
  type SequenceEvaluateOptions,
} from "node-llama-cpp";
import { makeSteps, type Steps } from "./inStep.ts";
import { fillBias } from "./internals.ts";
import { makePause, type Pause } from "./pause.ts";
import { readPrompt } from "./readPrompt.ts";
import {
  tellable,
  type Owner,
  type Sampling,
  type Sequence,
  type Writing,
} from "./sequence.ts";

/** All the sequences of a context that has given none yet. */
export function makeLibrarySequences(context: LlamaContext): Sequence[] {
  const shared = { steps: makeSteps(), pause: makePause() };
  return Array.from({ length: context.totalSequences }, (_, number) =>
    makeSequence(context, number, shared),
  );
}

function makeSequence(
  context: LlamaContext,
  number: number,
  { steps, pause }: { steps: Steps; pause: Pause },
): Sequence {
  const next = () => context.getSequence({ checkpoints: { interval: false } });
  let sequence = next();
  /** Of the latest task, which has had all that is in it. */
  let owner: Owner;

  async function write(work: Writing): Promise<number> {
    const { signal, sampling, onToken } = work;
    const place = { sequence, pause, isOwn: work.owner === owner };
    // What is left of the one before is no more than both have.
    owner = work.owner;
    const { rest, cachedTokens } = await readPrompt(place, work);
    const options = optionsOf(context.model, sampling);
    // From its second token on: its prompt is read apart from the others' tokens.
    using step = steps.member(number);
    for await (const token of sequence.evaluate(rest, options)) {
      signal.throwIfAborted();
      if (!onToken(token)) break;
      const paused = pause.over();
      if (paused !== undefined) await paused;
      await step.next();
    }
    return cachedTokens;
  }

  return {
    number,
    get length() {
      return sequence.nextTokenIndex;
    },
    commonPrefix: (tokens, of) =>
      tellable(
        sequence.compareContextTokens([...tokens]).firstDifferentIndex,
        of === owner,
      ),
    write,
    async reset() {
      await sequence.dispose();
      // The context gives the number anew that is free.
      sequence = next();
    },
  };
}

function optionsOf(
  model: LlamaModel,
  { penalties, bias, grammar, ...sampling }: Sampling,
): SequenceEvaluateOptions {
  return {
    ...sampling,
    yieldEogToken: true,
    ...(penalties && {
      repeatPenalty: {
        punishTokens: () => penalties.written.slice(-penalties.lookBack),
        penalty: penalties.repeat,
        presencePenalty: penalties.presence,
        frequencyPenalty: penalties.frequency,
      },
    }),
    ...(bias && { tokenBias: fillBias(TokenBias.for(model), bias) }),
    ...(grammar && {
      grammarEvaluationState: new LlamaGrammarEvaluationState({
        model,
        grammar,
      }),
    }),
  };
}
