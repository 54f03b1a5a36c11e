/** Every subject and stream name, and the one mapping between an event's type and its subject. */
import {
  eventTypes,
  type EventType,
  type EventWord,
  type Lane,
} from "./events.ts";
import { remember } from "./remember.ts";
import { slugOf } from "./slug.ts";

export const streams = {
  events: "EVENTS",
  tokens: "TOKENS",
  logs: "LOGS",
} as const;

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
  (Object.keys(eventTypes) as EventType[]).map((type) => [
    eventTypes[type].word,
    type,
  ]),
);

export const subjects = {
  /** `llm.events.<type>.<model>.<lane>.<owner>`; `*` for any. */
  event: (
    word: EventWord | "*",
    { model, lane, owner }: { [K in keyof Queue]: string },
  ) => `llm.events.${word}.${model}.${lane}.${owner}`,
  /** `llm.stored.<type>.<model>.<lane>.<owner>`: the broker republishes each stored event there, without its body. */
  stored: (
    word: EventWord | "*",
    { model, lane, owner }: { [K in keyof Queue]: string },
  ) => `llm.stored.${word}.${model}.${lane}.${owner}`,
  /** The hint that a queue has work again: a service handed a task back. */
  wake: ({ model, lane, owner }: { [K in keyof Queue]: string }) =>
    `llm.wake.${model}.${lane}.${owner}`,
  tokens: (taskId: string) => `llm.tokens.${taskId}`,
  worker: (model: string, workerId: string) =>
    `llm.workers.${model}.${workerId}`,
  projection: (name: string) => `llm.projections.${name}`,
  log: (service: string) => `llm.logs.${service}`,
  /** Where the task index is asked, by request and reply. */
  index: "llm.index",
} as const;

/** The subject of an event of a queue's task. */
export const eventSubject = (type: EventType, queue: Queue): string =>
  subjects.event(eventTypes[type].word, queue);

interface EventSubject {
  readonly type: EventType;
  readonly queue: Readonly<Queue>;
}

const parserOf = (root: "events" | "stored") =>
  remember((subject): EventSubject | undefined => {
    const [llm, second, word = "", ...rest] = subject.split(".");
    const type = typeOfWord.get(word);
    const queue = toQueue(rest);
    if (llm !== "llm" || second !== root) return undefined;
    return type && queue && { type, queue };
  });

/** The type and the queue in an event's subject; undefined where it is none. */
export const parseEventSubject = parserOf("events");

/** The same of the subject on which the broker republishes the stored event. */
export const parseStoredSubject = parserOf("stored");

/** The queue that a wake-up hint is about. */
export const parseWakeSubject = remember(
  (subject): Readonly<Queue> | undefined => {
    const [llm, wake, ...rest] = subject.split(".");
    return llm === "llm" && wake === "wake" ? toQueue(rest) : undefined;
  },
);

function toQueue([model, lane, owner, more]: string[]): Queue | undefined {
  if (model === undefined || owner === undefined || more !== undefined)
    return undefined;
  if (lane !== "interactive" && lane !== "batch") return undefined;
  return { model, lane, owner };
}

/** The durable consumer on EVENTS that is one queue: `infer=<model>=<lane>=<owner>`. */
export const workConsumerName = ({ model, lane, owner }: Queue): string =>
  `infer=${model}=${lane}=${owner}`;

/** The consumer of a queue that had no work for so long is removed. */
export const queueIdleForMs = 3_600_000;

/** The queue that a durable consumer is; undefined for consumers that are no work queue. */
export function parseWorkConsumerName(name: string): Queue | undefined {
  const [infer, ...rest] = name.split("=");
  return infer === "infer" ? toQueue(rest) : undefined;
}
