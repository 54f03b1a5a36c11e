import type { Logger } from "@jetscribe/runtime";

/** Says that something does not work, once until it does again: with many deliveries in hand it fails for all of them. */
export interface Complain {
  fails: (facts: object) => void;
  works: () => void;
}

export function makeComplain(
  log: Pick<Logger, "warn">,
  message: string,
): Complain {
  let isSaid = false;
  return {
    fails(facts) {
      if (!isSaid) log.warn(facts, message);
      isSaid = true;
    },
    works: () => void (isSaid = false),
  };
}
