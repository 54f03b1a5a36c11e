/** How many slots of which length fit into the memory: pure, over an estimate that is passed in. */

export interface SlotPlan {
  slots: number;
  /** Tokens of each slot. */
  contextSize: number;
}

export interface SlotWishes {
  slots?: number | undefined;
  contextSize?: number | undefined;
  /** What the model was trained for. */
  trainedSize: number;
  /** Bytes that may be used. */
  budget: number;
  /** Bytes that a plan takes, by the library's estimate. */
  bytesOf: (plan: SlotPlan) => Promise<number>;
}

const mostSlots = 16;
/** Rather shorter slots than fewer of them than this. */
const enoughSlots = 4;
const shortestContext = 2_048;

/**
 * The largest plan within the budget: the longest context with which at least four slots fit (or as many as are
 * asked for), and then as many slots as fit, up to 16. What was asked for is taken as it is.
 */
export async function fitSlots(wishes: SlotWishes): Promise<SlotPlan> {
  const sizes =
    wishes.contextSize !== undefined
      ? [wishes.contextSize]
      : sizesBelow(wishes.trainedSize);
  const enough = wishes.slots ?? enoughSlots;
  let best: SlotPlan | undefined;
  for (const contextSize of sizes) {
    const slots = await mostThatFit(contextSize, wishes);
    if (slots >= enough) return { slots, contextSize };
    if (slots > (best?.slots ?? 0)) best = { slots, contextSize };
  }
  // Nothing fits: try the smallest all the same, and let the library refuse it if it must.
  const contextSize = sizes.at(-1) ?? wishes.trainedSize;
  return {
    slots: 1,
    contextSize,
    ...best,
    ...(wishes.slots !== undefined && { slots: wishes.slots }),
  };
}

function sizesBelow(trainedSize: number): number[] {
  const sizes = [trainedSize];
  for (let size = 2 ** 17; size >= shortestContext; size /= 2)
    if (size < trainedSize) sizes.push(size);
  return sizes;
}

async function mostThatFit(
  contextSize: number,
  { slots: wanted, budget, bytesOf }: SlotWishes,
): Promise<number> {
  for (let slots = wanted ?? mostSlots; slots > 0; slots--) {
    if ((await bytesOf({ slots, contextSize })) <= budget) return slots;
    if (wanted !== undefined) return 0;
  }
  return 0;
}
