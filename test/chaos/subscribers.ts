/** A subscriber for each owner of the load: its account, its durable consumer, its program. */
import {
  durableNameOf,
  type Subscriber as Account,
} from "@jetscribe/event-log/accounts/subscriber";
import {
  FilterError,
  makeDurable,
} from "@jetscribe/event-log/subscribers/subscriberDurable";
import { connectBroker, type Broker } from "@jetscribe/event-log/broker/connection"; // prettier-ignore
import type { Fleet } from "./fleet.ts";
import { connectWitness } from "./connectWitness.ts";
import { ownerOf, type LoggedEvent } from "./readLog.ts";
import { startSubscriber, type Subscriber, type SubscriberSeen } from "./subscriber.ts"; // prettier-ignore

export interface Subscribers extends AsyncDisposable {
  readonly seen: readonly SubscriberSeen[];
  /** Why they aren't through with these events; undefined: they are. */
  waitsFor(log: readonly LoggedEvent[]): string | undefined;
}

/** As long as a worker's: what gets lost on its way comes again then. */
const ackWaitNs = 3e9;

/** Makes the durable consumers, and starts the programs. */
export async function runSubscribers(fleet: Fleet): Promise<Subscribers> {
  const { subscribers: users = [], witnessUrl: url } = fleet;
  await using opened = new AsyncDisposableStack();
  const programs: Subscriber[] = [];
  if (users.length > 0 && url !== undefined) {
    await using broker = await connectBroker({ url, name: "chaos" });
    for (const { account, seed } of users) {
      const durable = await durableOf(fleet, broker, account);
      const login = { owner: account.name, seed, durable };
      programs.push(opened.use(startSubscriber(fleet, login)));
    }
  }
  const all = opened.move();
  return {
    seen: programs,
    waitsFor: (log) => programs.flatMap((one) => waitsFor(one, log))[0],
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

/** Undefined where the server is too old for one with an owner's filters: then there is the live feed alone. */
async function durableOf(
  fleet: Fleet,
  broker: Broker,
  account: Account,
): Promise<string | undefined> {
  try {
    await makeDurable(broker, account);
  } catch (error) {
    if (error instanceof FilterError) return undefined;
    throw error;
  }
  const name = durableNameOf(account.name, broker);
  using witness = await connectWitness(fleet);
  const { config } = await witness.request(`$JS.API.CONSUMER.INFO.EVENTS.${name}`); // prettier-ignore
  const sooner = { ...(config as object), ack_wait: ackWaitNs };
  await witness.request(`$JS.API.CONSUMER.DURABLE.CREATE.EVENTS.${name}`, {
    ...{ stream_name: "EVENTS", config: sooner },
  });
  return name;
}

function waitsFor(
  { owner, delivered = [] }: SubscriberSeen,
  log: readonly LoggedEvent[],
): string[] {
  const last = log.findLast((event) => ownerOf(event) === owner)?.seq;
  const isThrough = last === undefined || delivered.some(({ seq }) => seq === last); // prettier-ignore
  return isThrough ? [] : [`the subscriber of ${owner}`];
}
