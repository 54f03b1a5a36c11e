/** Every subject and stream name, and the one mapping between an event's type and its subject. */
import type { Lane } from "./events.ts";
import {
  apiCalls,
  kinds,
  type ApiCall,
  type EventType,
  type EventWord,
} from "./kinds.ts";
import {
  keyEventTypes,
  type KeyEventType,
  type KeyEventWord,
} from "../keys/events.ts";
import { remember } from "./remember.ts";
import { slugOf } from "./slug.ts";

/** Whose work it is: the part of an event's subject after the type. Model and owner are slugs. */
export interface Queue {
  model: string;
  lane: Lane;
  owner: string;
  /** Of the owner's tasks of this model and lane: those of one group. Absent: those of none. */
  group?: string | undefined;
}

/** The queue that a task waits in, from the names that people see. */
export const queueOf = ({ model, lane, owner, group }: Queue): Queue => ({
  model: slugOf(model),
  lane,
  owner: slugOf(owner),
  ...(group !== undefined && { group }),
});

const typeOfWord = new Map<string, EventType>(
  Object.entries(kinds).map(([type, { word }]) => [word, type as EventType]),
);

/** What a system calls its streams, subjects and consumers on the broker. */
export type Names = ReturnType<typeof makeNames>;

/** Queues as subjects name them; `*` for any. */
type QueuePattern = {
  [K in keyof Queue]: K extends "group" ? Queue[K] : string;
};

/** One token of a subject: 1 to 64 letters, digits, `-` and `_`, the first no digit. */
export const isNamespace = (text: string): boolean =>
  /^[A-Za-z_-][A-Za-z0-9_-]{0,63}$/.test(text);

/**
 * The names of a namespace, which stands before each of them, so that several systems share one NATS account: `shop` has the streams `shop-EVENTS`, `shop-TOKENS`, `shop-LOGS`, `shop-IDEMPOTENCY`, `shop-KEYS`, `shop-AUDIT` and `shop-WEBHOOKS`, subjects as
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
    /** What stands before each name; undefined: nothing does. */
    namespace,
    streams: {
      events: `${stream}EVENTS`,
      tokens: `${stream}TOKENS`,
      logs: `${stream}LOGS`,
      idempotency: `${stream}IDEMPOTENCY`,
      keys: `${stream}KEYS`,
      audit: `${stream}AUDIT`,
      webhooks: `${stream}WEBHOOKS`,
    },
    subjects,
    /** The subject of an event of a queue's task. */
    eventSubject: (type: EventType, queue: Queue): string =>
      subjects.event(kinds[type].word, queue),
    /** A durable consumer that is no work queue. */
    durableName: (name: string): string => before("=") + name,
    /** The durable consumer on EVENTS that is one queue: `infer=<model>=<lane>=<owner>`, and `=<group>` of a group. */
    workConsumerName: ({ model, lane, owner, group }: Queue): string =>
      `${infer}${model}=${lane}=${owner}${behind("=", group)}`,
    /** The queue that a durable consumer is; undefined for consumers that are no work queue of this namespace. */
    parseWorkConsumerName: (name: string): Queue | undefined =>
      name.startsWith(infer)
        ? toQueue(name.slice(infer.length).split("="))
        : undefined,
  };
}

const behind = (separator: string, group: string | undefined): string =>
  group === undefined ? "" : separator + group;

/** Only requests are told apart by their group: that is what work queues go by. */
const groupOf = (word: EventWord | "*", group: string | undefined): string =>
  word === "requested" ? behind(".", group) : "";

/** `root`: `llm.`, behind the namespace if there is one. Each subject's beginning is made once, not for each message. */
function subjectsUnder(root: string) {
  const [events, stored] = [`${root}events.`, `${root}stored.`];
  const [wake, tokens] = [`${root}wake.`, `${root}tokens.`];
  return {
    /** All events: what EVENTS holds. */
    allEvents: `${events}>`,
    /** `llm.events.<type>.<model>.<lane>.<owner>`, and `.<group>` of a group's requests; `*` for any. */
    event: (
      word: EventWord | "*",
      { model, lane, owner, group }: QueuePattern,
    ) => `${events}${word}.${model}.${lane}.${owner}${groupOf(word, group)}`,
    /** The live feed of all stored events. */
    allStored: `${stored}>`,
    /** The same behind `llm.stored.`: the broker republishes each stored event there, without its body. */
    stored: (
      word: EventWord | "*",
      { model, lane, owner, group }: QueuePattern,
    ) => `${stored}${word}.${model}.${lane}.${owner}${groupOf(word, group)}`,
    /** The wake-up that a queue has work again: a service handed a task back, or a group has room for the next one. */
    wake: ({ model, lane, owner, group }: QueuePattern) =>
      `${wake}${model}.${lane}.${owner}${behind(".", group)}`,
    /** Of a group another number may run at once from now on: what gateways know of its queue is old. */
    groupChanged: ({ model, lane, owner, group }: QueuePattern) =>
      `${root}groups.${model}.${lane}.${owner}${behind(".", group)}`,
    tokens: (taskId: string) => `${tokens}${taskId}`,
    worker: (model: string, workerId: string) =>
      `${root}workers.${model}.${workerId}`,
    projection: (name: string) => `${root}projections.${name}`,
    log: (service: string) => `${root}logs.${service}`,
    /** An owner's (a slug) idempotency key, by its digest. */
    idempotencyKey: (owner: string, digest: string) =>
      `${root}idempotency.${owner}.${digest}`,
    /** All events of API keys: what KEYS holds. */
    allKeyEvents: `${root}keys.>`,
    /** `llm.keys.<type>.<key id>`. */
    keyEvent: (word: KeyEventWord | "*", keyId: string) =>
      `${root}keys.${word}.${keyId}`,
    /** All audit records: what AUDIT holds. */
    allAuditRecords: `${root}audit.>`,
    /** That somebody read the texts of a task. */
    textRead: (taskId: string) => `${root}audit.read.${taskId}`,
    /** `llm.api.<owner>.<call>`: where gateways take an owner's (a slug) calls, by request and reply; `*` for any. */
    api: (call: ApiCall | "*", owner: string) => `${root}api.${owner}.${call}`,
    /** All records of webhooks: what WEBHOOKS holds. */
    allWebhooks: `${root}webhooks.>`,
    /** The records of webhooks of an owner (a slug). */
    webhooksOf: (owner: string) => `${root}webhooks.${owner}.>`,
    /** A webhook of an owner (a slug) that was not delivered yet, or never will be. */
    webhookDelivery: (owner: string, taskId: string) =>
      `${root}webhooks.${owner}.deliveries.${taskId}`,
    /** An address, by its digest, to which an owner (a slug) is told nothing more. */
    webhookDisabled: (owner: string, digest: string) =>
      `${root}webhooks.${owner}.disabled.${digest}`,
    /** Where the task index is asked, by request and reply. */
    index: `${root}index`,
    /** Where the task index is asked for an owner's tasks, by request and reply. */
    list: `${root}list`,
    /** Where the task index is asked for a moment of the past, by request and reply. */
    moment: `${root}moment`,
    /** Where the task index is asked when how many events were stored, by request and reply. */
    density: `${root}density`,
    /** Where the task index is asked for statistics, by request and reply. */
    statistics: `${root}statistics`,
    /** Where the results service that leads is asked for the metrics of tasks, by request and reply. */
    metrics: `${root}metrics`,
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

const queueParserOf = (kind: "wake" | "groups") =>
  remember((subject): Readonly<Queue> | undefined =>
    toQueue(tokensOf(kind, subject) ?? []),
  );

/** The queue that a wake-up is about. */
export const parseWakeSubject = queueParserOf("wake");

/** The queue of a group that changed. */
export const parseGroupSubject = queueParserOf("groups");

/** The type in the subject of a key's event, of any namespace; undefined where it is none. */
export function parseKeySubject(subject: string): KeyEventType | undefined {
  const [word] = tokensOf("keys", subject) ?? [];
  const found = Object.entries(keyEventTypes).find(
    ([, type]) => type.word === word,
  );
  return found?.[0] as KeyEventType | undefined;
}

/** Whose call it is (a slug), and which, of any namespace; undefined where the subject is of no call. */
export function parseApiSubject(
  subject: string,
): { owner: string; call: ApiCall } | undefined {
  const [owner, word, more] = tokensOf("api", subject) ?? [];
  const call = apiCalls.find((call) => call === word);
  if (owner === undefined || call === undefined || more !== undefined)
    return undefined;
  return { owner, call };
}

function toQueue([model, lane, owner, group, more]: string[]):
  Queue | undefined {
  if (model === undefined || owner === undefined || more !== undefined)
    return undefined;
  if (lane !== "interactive" && lane !== "batch") return undefined;
  return { model, lane, owner, ...(group !== undefined && { group }) };
}
