import {
  hasUnprefixed,
  type Store,
  type StoreLog,
} from "@jetscribe/task-store";

/** Says once that an earlier version has left keys without a prefix: it is for the operator to remove them. */
export function warnOfUnprefixed(store: Store, log: StoreLog): void {
  let answered = false;
  async function look() {
    if (answered) return;
    const has = await hasUnprefixed(store.redis);
    answered = true;
    if (has)
      log.warn(
        { command: "npm run redis:remove-unprefixed" },
        "an earlier version left keys without a prefix in Redis",
      );
  }
  store.onReady(() => {
    // Where Redis doesn't let this user read that key, or it is another's of another type, there is nothing to say.
    look().catch(() => undefined);
  });
}
