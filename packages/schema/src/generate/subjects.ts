/** Every subject and stream name, and the one mapping between an event's type and its subject. */
import {
  eventTypes,
  type EventType,
  type EventWord,
  type Lane,
} from "./events.ts";
import { remember } from "./remember.ts";
import { slugOf } from "./slug.ts";

/** Whose work it is: the part of an event's subject after the type. Model and owner are slugs. */
export interface Queue {
  model: string;
  lane: Lane;
  owner: string;
}

/** The queue that a task waits in, from the names that people see. */
export const queueOf = ({ model, lane, owner }: Queue): Queue => ({
  model: slugOf(model),
  lane,
  owner: slugOf(owner),
});

const typeOfWord = new Map<string, EventType>(
  Object.entries(eventTypes).map(([type, { word }]) => [
    word,
    type as EventType,
  ]),
);

/** What a system calls its streams, subjects and consumers on the broker. */
export type Names = ReturnType<typeof makeNames>;

/** Queues as subjects name them; `*` for any. */
type QueuePattern = { [K in keyof Queue]: string };

/** One token of a subject: 1 to 64 letters, digits, `-` and `_`, the first no digit. */
export const isNamespace = (text: string): boolean =>
  /^[A-Za-z_-][A-Za-z0-9_-]{0,63}$/.test(text);

/**
 * The names of a namespace, which stands before each of them, so that several systems share one NATS account: `shop` has the streams `shop-EVENTS`, `shop-TOKENS`, `shop-LOGS` and `shop-IDEMPOTENCY`, subjects as
 * `shop.llm.events.…` and consumers as `shop=infer=…`. Without one they are `EVENTS`, `llm.events.…` and `infer=…`.
 * Throws a RangeError where the namespace is no token of a subject.
 */
export function makeNames(namespace?: string) {
  if (namespace !== undefined && !isNamespace(namespace))
    throw new RangeError(
      "a namespace has letters, digits, - and _ only, and does not begin with a digit",
    );
  const before = (separator: string) =>
    namespace === undefined ? "" : namespace + separator;
  const subjects = subjectsUnder(`${before(".")}llm.`);
  const stream = before("-");
  const infer = `${before("=")}infer=`;
  return {
    streams: {
      events: `${stream}EVENTS`,
      tokens: `${stream}TOKENS`,
      logs: `${stream}LOGS`,
      idempotency: `${stream}IDEMPOTENCY`,
    },
    subjects,
    /** The subject of an event of a queue's task. */
    eventSubject: (type: EventType, queue: Queue): string =>
      subjects.event(eventTypes[type].word, queue),
    /** The durable consumer on EVENTS that is one queue: `infer=<model>=<lane>=<owner>`. */
    workConsumerName: ({ model, lane, owner }: Queue): string =>
      `${infer}${model}=${lane}=${owner}`,
    /** The queue that a durable consumer is; undefined for consumers that are no work queue of this namespace. */
    parseWorkConsumerName: (name: string): Queue | undefined =>
      name.startsWith(infer)
        ? toQueue(name.slice(infer.length).split("="))
        : undefined,
  };
}

/** `root`: `llm.`, behind the namespace if there is one. Each subject's beginning is made once, not for each message. */
function subjectsUnder(root: string) {
  const [events, stored] = [`${root}events.`, `${root}stored.`];
  const [wake, tokens] = [`${root}wake.`, `${root}tokens.`];
  return {
    /** All events: what EVENTS holds. */
    allEvents: `${events}>`,
    /** `llm.events.<type>.<model>.<lane>.<owner>`; `*` for any. */
    event: (word: EventWord | "*", { model, lane, owner }: QueuePattern) =>
      `${events}${word}.${model}.${lane}.${owner}`,
    /** The live feed of all stored events. */
    allStored: `${stored}>`,
    /** `llm.stored.<type>.<model>.<lane>.<owner>`: the broker republishes each stored event there, without its body. */
    stored: (word: EventWord | "*", { model, lane, owner }: QueuePattern) =>
      `${stored}${word}.${model}.${lane}.${owner}`,
    /** The wake-up that a queue has work again: a service handed a task back. */
    wake: ({ model, lane, owner }: QueuePattern) =>
      `${wake}${model}.${lane}.${owner}`,
    tokens: (taskId: string) => `${tokens}${taskId}`,
    worker: (model: string, workerId: string) =>
      `${root}workers.${model}.${workerId}`,
    projection: (name: string) => `${root}projections.${name}`,
    log: (service: string) => `${root}logs.${service}`,
    /** An owner's (a slug) idempotency key, by its digest. */
    idempotencyKey: (owner: string, digest: string) =>
      `${root}idempotency.${owner}.${digest}`,
    /** Where the task index is asked, by request and reply. */
    index: `${root}index`,
  } as const;
}

/** The names of a system without a namespace, for its subscribers. Services take those of their broker. */
export const {
  streams,
  subjects,
  eventSubject,
  workConsumerName,
  parseWorkConsumerName,
} = makeNames();

/** The tokens behind `llm.<kind>.`, in any namespace; undefined where the subject is of another kind. */
function tokensOf(kind: string, subject: string): string[] | undefined {
  const root = `llm.${kind}.`;
  const inNamespace = !subject.startsWith(root);
  const rest = inNamespace ? subject.slice(subject.indexOf(".") + 1) : subject;
  return rest.startsWith(root) ? rest.slice(root.length).split(".") : undefined;
}

const parserOf = (kind: "events" | "stored") =>
  remember((subject) => {
    const [word = "", ...rest] = tokensOf(kind, subject) ?? [];
    const type = typeOfWord.get(word);
    const queue = toQueue(rest);
    return type && queue && { type, queue };
  });

/** The type and the queue in an event's subject, of any namespace; undefined where it is none. */
export const parseEventSubject = parserOf("events");

/** The same of the subject on which the broker republishes the stored event. */
export const parseStoredSubject = parserOf("stored");

/** The queue that a wake-up is about. */
export const parseWakeSubject = remember(
  (subject): Readonly<Queue> | undefined =>
    toQueue(tokensOf("wake", subject) ?? []),
);

function toQueue([model, lane, owner, more]: string[]): Queue | undefined {
  if (model === undefined || owner === undefined || more !== undefined)
    return undefined;
  if (lane !== "interactive" && lane !== "batch") return undefined;
  return { model, lane, owner };
}
