import { ApiError } from "../apiError.ts";

/** One gateway has so many calls at once whose answers are not out: of one owner, and of all. */
const most = { ofOwner: 1_000, ofAll: 10_000 };
const retryAfterS = 1;

/** On NATS a call takes no connection, so nothing else would bound those that wait. */
export function makeCallsInHand({ ofOwner, ofAll } = most) {
  const byOwner = new Map<string, number>();
  let all = 0;
  return {
    /** Until it is disposed of. Throws an ApiError where there are too many. */
    take(owner: string): Disposable {
      const own = byOwner.get(owner) ?? 0;
      if (own >= ofOwner) throw tooMany(`${ofOwner} calls of this owner`);
      if (all >= ofAll) throw tooMany(`${ofAll} calls`);
      all++;
      byOwner.set(owner, own + 1);
      return {
        [Symbol.dispose]() {
          all--;
          const left = (byOwner.get(owner) ?? 0) - 1;
          if (left > 0) byOwner.set(owner, left);
          else byOwner.delete(owner);
        },
      };
    },
  };
}

const tooMany = (what: string) =>
  new ApiError("rate_limited", `${what} wait for their answers already`, {
    retryAfterS,
  });
