import { ApiError } from "../apiError.ts";

/** One gateway has so many calls at once whose answers are not out. */
const mostAtOnce = 11_000;
/** An owner has at most this part of the places that are free: 1,000 where no other owner calls. */
const partOfFree = 10;
const retryAfterS = 1;

/**
 * On NATS a call takes no connection, so nothing else would bound those that wait. As each owner has a part of what is free
 * (a dynamic threshold), owners that take what they can leave places to those who come later.
 */
export function makeCallsInHand(most = mostAtOnce) {
  const byOwner = new Map<string, number>();
  let free = most;
  return {
    /** Until it is disposed of. Throws an ApiError where there are too many. */
    take(owner: string): Disposable {
      const own = byOwner.get(owner) ?? 0;
      if (own * partOfFree >= free) throw tooMany(own);
      free--;
      byOwner.set(owner, own + 1);
      return {
        [Symbol.dispose]() {
          free++;
          const left = (byOwner.get(owner) ?? 0) - 1;
          if (left > 0) byOwner.set(owner, left);
          else byOwner.delete(owner);
        },
      };
    },
  };
}

const tooMany = (own: number) =>
  new ApiError(
    "rate_limited",
    `${own} calls of this owner wait for their answers, and this gateway has no place for one more`,
    { retryAfterS },
  );
