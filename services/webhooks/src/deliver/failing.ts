/** Which hosts have just failed, each for one owner: a webhook that can't be stored is not sent to them again and again. */

/** So long after a failure, in ms. */
const forMs = 30_000;
const mostRemembered = 10_000;

/** `now`: in ms. */
export function makeFailing(now: () => number = () => performance.now()) {
  const until = new Map<string, number>();
  // Neither a slug nor a host has a space in it.
  const nameOf = (owner: string, host: string) => `${owner} ${host}`;
  return {
    has: (owner: string, host: string): boolean =>
      now() < (until.get(nameOf(owner, host)) ?? 0),
    failed(owner: string, host: string): void {
      if (until.size >= mostRemembered) until.clear();
      until.set(nameOf(owner, host), now() + forMs);
    },
    works: (owner: string, host: string): void =>
      void until.delete(nameOf(owner, host)),
  };
}
