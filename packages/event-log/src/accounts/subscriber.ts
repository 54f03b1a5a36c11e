/** Another system that reads events: it has an account of its own, and in it what the services' account lets it use. */
import type { EventWord, Names } from "@jetscribe/schema";
import { readsBy, type Access } from "./access.ts";

export interface Subscriber {
  /** A slug; unique in the system. */
  name: string;
  /** Of its user's nkey. */
  publicKey: string;
  /** Only events of this owner's tasks (a slug). */
  owner?: string;
  /** Only events of this model's tasks (a slug). */
  model?: string;
  /** Only events of these types. */
  types?: EventWord[];
  /** Its durable consumer delivers headers alone. */
  noText: boolean;
  /** Its durable consumer begins with what was stored at this time (ISO 8601); absent: with what is stored from now on. */
  from?: string;
  /** It may submit tasks over NATS, as its owner. */
  api: boolean;
  /** ISO 8601. */
  createdAt: string;
}

/** The account that a subscriber is alone in. */
export const accountOf = ({ name }: Pick<Subscriber, "name">): string =>
  `SUB-${name}`;

/** The durable consumer on EVENTS that keeps a subscriber's place. */
export const durableNameOf = (name: string, names: Names): string =>
  names.durableName(`sub=${name}`);

/** What a subscriber's account may use. */
export const accessOf = ({ name }: Subscriber, names: Names): Access[] =>
  readsBy(names.streams.events, durableNameOf(name, names));
