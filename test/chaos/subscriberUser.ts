import { makeUserKey } from "@jetscribe/event-log/accounts/nkeys";
import type { Subscriber as Account } from "@jetscribe/event-log/accounts/subscriber";

/** The user of an owner's subscriber. */
export interface SubscriberUser {
  account: Account;
  seed: string;
}

/** From the log's first event on. Owners are slugs. */
export const subscriberOf = (owner: string): SubscriberUser => {
  const { seed, publicKey } = makeUserKey();
  const [noText, api] = [false, false];
  const createdAt = new Date().toISOString();
  const from = "1970-01-01T00:00:00Z";
  return {
    account: { name: owner, owner, publicKey, noText, api, createdAt, from },
    seed,
  };
};
