/** What to try where the memory is too small for what was wished: pure, over a maker that is passed in. */

export interface Tried<Plan, Made> {
  made: Made;
  plan: Plan;
  /** Why the first plan did not work; absent: it did. */
  failure?: Error;
}

/** The first plan that works; rejects as the first one did where none does. */
export async function firstThatWorks<Plan, Made>(
  plans: readonly Plan[],
  make: (plan: Plan) => Promise<Made>,
): Promise<Tried<Plan, Made>> {
  let first: { failure: Error } | undefined;
  for (const plan of plans) {
    try {
      return { made: await make(plan), plan, ...first };
    } catch (error) {
      const failure = error instanceof Error ? error : new Error(String(error));
      first ??= { failure };
    }
  }
  throw first?.failure ?? new RangeError("there is no plan");
}

/** The number, half of it, half of that … down to `least`. */
export function halvings(count: number, least: 0 | 1): number[] {
  const numbers = [];
  for (let number = count; number > least; number >>= 1) numbers.push(number);
  return [...numbers, least];
}

/** The layers to try on a GPU: what was asked for or fits by the library's estimate, and then fewer, down to none. */
export const layersToTry = (
  asked: number | undefined,
  total: number,
): (number | "auto")[] =>
  asked === undefined
    ? ["auto", ...halvings(total >> 1, 0)]
    : halvings(Math.min(asked, total), 0);
