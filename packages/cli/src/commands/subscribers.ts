/** `jetscribe subscribers`: who else reads the events, and how far each of them is. */
import { subscriberConfig } from "@jetscribe/event-log/accounts/accountsConfig";
import { makeUserKey } from "@jetscribe/event-log/accounts/nkeys";
import {
  accountOf,
  durableNameOf,
  feedOf,
  filtersOf,
  SubscriberName,
  type Subscriber,
} from "@jetscribe/event-log/accounts/subscriber";
import {
  FilterError,
  listPlaces,
  makeDurable,
  placeOf,
  removeDurable,
  type Place,
} from "@jetscribe/event-log/subscribers/subscriberDurable";
import { startTime } from "@jetscribe/event-log/read/readLog";
import type { Broker } from "@jetscribe/event-log/broker/connection";
import { apiPrefix } from "@jetscribe/event-log/accounts/access";
import { apiCalls, eventTypes } from "@jetscribe/schema";
import type { Context } from "../context.ts";
import { failed, usageError } from "../exit.ts";
import { joinAsOperator } from "../joinLog.ts";
import { parseTime, parseTypes, slugIn } from "../options.ts";
import { placeFor } from "../subscribers/ownBroker.ts";
import {
  describeAdded,
  describeRemoved,
  tableOf,
  type Added,
  type Listed,
} from "../show/subscribers.ts";

export interface SubscribersOptions {
  json?: boolean;
}

export interface AddSubscriberOptions extends SubscribersOptions {
  owner?: string;
  model?: string;
  types?: string;
  text: boolean;
  from?: string;
  api?: boolean;
}

export async function addSubscriber(
  name: string,
  { json = false, ...options }: AddSubscriberOptions,
  context: Context,
): Promise<void> {
  const wanted = wantedOf(name, options, Date.now());
  const place = placeFor(context);
  const { added, config } = await place.alone(() =>
    add(wanted, place, context),
  );
  const { out, paint } = context;
  await out.write(
    json
      ? `${JSON.stringify({ ...added, ...(config && { config }) })}\n`
      : describeAdded(added, config, paint),
  );
}

/** What stands in `config` is for a broker that somebody else configures. */
async function add(
  wanted: Omit<Subscriber, "publicKey">,
  { keepSeed, removeSeed, own, url }: ReturnType<typeof placeFor>,
  context: Context,
) {
  const { name } = wanted;
  await using broker = await joinAsOperator(context);
  if (
    own?.list().some((one) => one.name === name) === true ||
    (await placeOf(broker, name)) !== undefined
  )
    throw failed(`there is a subscriber ${name} already: remove it first`);
  const { seed, publicKey } = makeUserKey();
  const subscriber = { ...wanted, publicKey };
  const seedFile = keepSeed(name, seed);
  try {
    await makeDurable(broker, subscriber);
  } catch (error) {
    removeSeed(name);
    if (error instanceof FilterError) throw failed(error.message, error);
    throw error;
  }
  await own?.letIn(broker, subscriber);
  const added = addedOf(subscriber, broker, { seedFile, url });
  const config = own ? undefined : subscriberConfig(subscriber, broker);
  return { added, config };
}

export async function listSubscribers(
  { json = false }: SubscribersOptions,
  context: Context,
): Promise<void> {
  const { own } = placeFor(context);
  await using broker = await joinAsOperator(context);
  const places = await listPlaces(broker);
  const listed = own?.list() ?? [];
  const names = new Set([...listed.map(({ name }) => name), ...places.keys()]);
  const rows = [...names].sort().map((name): Listed => {
    const account = listed.find((one) => one.name === name);
    return listedOf(name, places.get(name), own && account !== undefined);
  });
  const { out, paint } = context;
  await out.write(
    json
      ? rows.map((row) => `${JSON.stringify(row)}\n`).join("")
      : tableOf(rows, paint),
  );
}

export async function removeSubscriber(
  name: string,
  { json = false }: SubscribersOptions,
  context: Context,
): Promise<void> {
  checkName(name);
  const place = placeFor(context);
  await place.alone(() => remove(name, place, context));
  const removed = { name, account: accountOf({ name }), shut_out: !!place.own };
  const { out } = context;
  await out.write(
    json ? `${JSON.stringify(removed)}\n` : describeRemoved(removed),
  );
}

async function remove(
  name: string,
  { own, removeSeed }: ReturnType<typeof placeFor>,
  context: Context,
): Promise<void> {
  const isListed = own?.list().some((one) => one.name === name) === true;
  // The account first: without it the credentials are good for nothing, whatever fails then. This needs no JetStream.
  if (isListed) await own?.shutOut(name);
  if (own) removeSeed(name);
  const hadDurable = await removeDurableOf(name, context).catch(
    (error: unknown) => {
      if (!isListed || !(error instanceof Error)) throw error;
      throw failed(
        `${name} is shut out, but its consumer is not removed; remove it again later: ${error.message}`,
        error,
      );
    },
  );
  if (!isListed && !hadDurable) throw failed(`there is no subscriber ${name}`);
}

async function removeDurableOf(
  name: string,
  context: Context,
): Promise<boolean> {
  await using broker = await joinAsOperator(context);
  return await removeDurable(broker, name);
}

function checkName(name: string): void {
  if (!SubscriberName.safeParse(name).success)
    throw usageError(
      `"${name}" is no name of a subscriber: 1 to 32 lower-case letters, digits, - and _, the first a letter or a digit`,
    );
}

function wantedOf(
  name: string,
  { owner, model, types, text, from, api = false }: AddSubscriberOptions,
  nowMs: number,
): Omit<Subscriber, "publicKey"> {
  checkName(name);
  if (api && owner === undefined)
    throw usageError("--api needs --owner: whose tasks are they?");
  const words = types === undefined ? undefined : wordsOf(types);
  return {
    name,
    ...(owner !== undefined && { owner: slugIn("--owner", owner) }),
    ...(model !== undefined && { model: slugIn("--model", model) }),
    ...(words && { types: words }),
    ...(from !== undefined && {
      from: startTime(parseTime("--from", from, nowMs) * 1_000),
    }),
    ...{ noText: !text, api, createdAt: new Date(nowMs).toISOString() },
  };
}

/** Undefined where all are named. */
function wordsOf(types: string): Subscriber["types"] {
  const words = new Set(parseTypes(types).map((type) => eventTypes[type].word));
  const [first, ...more] = words;
  const isAll = words.size === Object.keys(eventTypes).length;
  return first === undefined || isAll ? undefined : [first, ...more];
}

const addedOf = (
  subscriber: Subscriber,
  broker: Broker,
  { seedFile, url }: { seedFile: string; url: string },
): Added => ({
  name: subscriber.name,
  account: accountOf(subscriber),
  public_key: subscriber.publicKey,
  nkey_file: seedFile,
  nats_url: withoutLogin(url),
  stream: broker.streams.events,
  durable: durableNameOf(subscriber.name, broker),
  api_prefix: apiPrefix,
  feed: feedOf(subscriber, broker),
  filters: filtersOf(subscriber, broker),
  text: !subscriber.noText,
  from: subscriber.from ?? null,
  api: callsOf(subscriber, broker),
});

const callsOf = ({ owner, api }: Subscriber, { subjects }: Broker): string[] =>
  api && owner !== undefined
    ? apiCalls.map((call) => subjects.api(call, owner))
    : [];

/** The operator's own is not the subscriber's business. */
const withoutLogin = (url: string): string =>
  url.replaceAll(/\/\/[^/@,]*@/g, "//");

const listedOf = (
  name: string,
  place: Place | undefined,
  hasAccount: boolean | undefined,
): Listed => ({
  name,
  durable: place !== undefined,
  account: hasAccount ?? null,
  filters: place?.filters ?? [],
  text: place ? !place.noText : null,
  pending: place?.pending ?? null,
  in_hand: place?.inHand ?? null,
  missed: place?.missed ?? null,
  connected: place ? place.waiting > 0 : null,
});
