/** Another system that reads events: it has an account of its own, and in it what the services' account lets it use. */
import { eventTypes, type Names } from "@jetscribe/schema";
import * as z from "zod";
import { apiPrefix, readsBy, type Access } from "./access.ts";
import { apiAccess } from "./apiAccess.ts";

const words = Object.values(eventTypes).map(({ word }) => word);

/** 1 to 32 lower-case letters, digits, `-` and `_`, the first a letter or a digit: part of subjects and of file names. */
export const SubscriberName = z.string().regex(/^[a-z0-9][a-z0-9_-]{0,31}$/);

const Slug = z.string().regex(/^[A-Za-z0-9_-]+$/);

/** As it stands in the list of subscribers. */
export const Subscriber = z.object({
  /** Unique in the system. */
  name: SubscriberName,
  /** Of its user's nkey. */
  publicKey: z.string().regex(/^U[A-Z2-7]{55}$/),
  /** Only events of this owner's tasks (a slug). */
  owner: Slug.optional(),
  /** Only events of this model's tasks (a slug). */
  model: Slug.optional(),
  /** Only events of these types; absent: of all. */
  types: z.array(z.enum(words)).nonempty().optional(),
  /** Its durable consumer delivers headers alone. */
  noText: z.boolean(),
  /** Its durable consumer begins with what was stored at this time (ISO 8601); absent: with what is stored from now on. */
  from: z.iso.datetime().optional(),
  /** It may submit tasks over NATS, as its owner, which it has to have for that. */
  api: z.boolean(),
  /** ISO 8601. */
  createdAt: z.iso.datetime(),
});
export type Subscriber = z.infer<typeof Subscriber>;

/** Which events it gets. */
export type SubscriberFilter = Pick<Subscriber, "owner" | "model" | "types">;

/** The account that a subscriber is alone in. */
export const accountOf = ({ name }: Pick<Subscriber, "name">): string =>
  `SUB-${name}`;

/** The durable consumer on EVENTS that keeps a subscriber's place. */
export const durableNameOf = (name: string, names: Names): string =>
  names.durableName(`sub=${name}`);

/** The subscriber whose durable consumer has this name; undefined where it is another consumer. */
export function subscriberOfDurable(
  durable: string,
  names: Names,
): string | undefined {
  const before = durableNameOf("", names);
  return durable.startsWith(before) ? durable.slice(before.length) : undefined;
}

/** What a subscriber's account may use. */
export const accessOf = (subscriber: Subscriber, names: Names): Access[] => [
  ...feedOf(subscriber, names).map((subject): Access => ({
    kind: "stream",
    subject,
  })),
  ...readsBy(names.streams.events, durableNameOf(subscriber.name, names)),
  ...(subscriber.api && subscriber.owner !== undefined
    ? apiAccess(subscriber.owner, names)
    : []),
];

/** What a subscriber may ask at any time: how its durable consumer stands. */
export const questionOf = (name: string, names: Names): string =>
  `${apiPrefix}.CONSUMER.INFO.${names.streams.events}.${durableNameOf(name, names)}`;

/** The subjects of the live feed that it hears. */
export const feedOf = (filter: SubscriberFilter, { subjects }: Names) =>
  patternsOf(filter, subjects.stored, subjects.allStored);

/** The subjects that its durable consumer delivers. More than one needs nats-server 2.10. */
export const filtersOf = (filter: SubscriberFilter, { subjects }: Names) =>
  patternsOf(filter, subjects.event, subjects.allEvents);

function patternsOf(
  { owner, model, types }: SubscriberFilter,
  subject: Names["subjects"]["event"],
  all: string,
): string[] {
  if (owner === undefined && model === undefined && types === undefined)
    return [all];
  // Behind the owner of a request may stand a group, which only a `>` matches too.
  const queue = { model: model ?? "*", lane: "*", owner: owner ?? ">" };
  return (types ?? (["*"] as const)).flatMap((word) => {
    const hasGroups = word === "*" || word === "requested";
    return owner !== undefined && hasGroups
      ? [subject(word, queue), subject("requested", { ...queue, group: "*" })]
      : [subject(word, queue)];
  });
}
