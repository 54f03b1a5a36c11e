/**
 * The subjects that each user of the services' account may use. The lists allow: what they don't name is forbidden. What
 * such lists can't limit stands in decision 0050.
 */
import type { Names } from "@jetscribe/schema";
import { acknowledgesBy } from "./access.ts";
import { inboxPrefixOf, type ServiceRole } from "./roles.ts";

/** Subjects, with wildcards. */
export interface Permissions {
  publish: string[];
  subscribe: string[];
}

/** The allow-list of a role, by the names of the system's namespace. */
export function permissionsOf(role: ServiceRole, names: Names): Permissions {
  const { publish, subscribe } = listsOf(names)[role];
  return {
    publish: [...publish, ...commonOf(role, names).publish],
    subscribe: [...subscribe, ...commonOf(role, names).subscribe],
  };
}

/** What each of them does, the operator too. */
function commonOf(role: ServiceRole, { streams }: Names): Permissions {
  return {
    publish: [
      // Each looks whether the streams are there and as they should be.
      ...Object.values(streams).map(
        (stream) => `$JS.API.STREAM.INFO.${stream}`,
      ),
      // Answers to the operator, who asks the services how they are.
      inboxOf("operator"),
    ],
    subscribe: [
      // Answers to its own questions. Nobody else hears them.
      inboxOf(role),
      // The questions of the NATS micro-service protocol.
      "$SRV.>",
    ],
  };
}

const inboxOf = (role: ServiceRole) => `${inboxPrefixOf(role)}.>`;
/** Where the broker takes answers to callers of other accounts. */
const answersToAccounts = "_R_.>";

function listsOf(names: Names): Record<ServiceRole, Permissions> {
  const { streams, subjects } = names;
  const { events, tokens, logs, idempotency, keys, audit, webhooks } = streams;
  const any = { model: "*", lane: "*", owner: "*" };
  const anyGroup = { ...any, group: "*" };
  const questions = [
    ...[subjects.index, subjects.list, subjects.moment],
    ...[subjects.density, subjects.statistics],
  ];
  const wakes = [subjects.wake(any), subjects.wake(anyGroup)];
  const requested = [any, anyGroup].map((of) =>
    subjects.event("requested", of),
  );
  return {
    gateway: {
      publish: [
        // It accepts requests, and cancels; every other event is a worker's or the results service's.
        ...requested,
        subjects.event("cancelled", any),
        // It alone writes keys, idempotency keys and audit records.
        subjects.keyEvent("*", "*"),
        subjects.idempotencyKey("*", "*"),
        subjects.textRead("*"),
        // It has a webhook sent again that its owner asks for, and lists those that wait.
        subjects.webhookDelivery("*", "*"),
        get(webhooks),
        ...reads(webhooks, subjects.webhookDelivery("*", "*")),
        // Of a group another number may run: workers and gateways are told.
        ...wakes,
        subjects.groupChanged(anyGroup),
        // Its records, and its reading of the broker's clock.
        ...writesLog("gateway", names),
        // It asks the results service, and answers callers who come by an import.
        ...questions,
        subjects.metrics,
        answersToAccounts,
        // It reads the log by any filter, and makes the work queue of a new owner.
        ...[get(events), get(tokens), get(idempotency), get(audit)],
        `$JS.API.DIRECT.GET.${tokens}.${subjects.tokens("*")}`,
        ...reads(events, ">"),
        `$JS.API.CONSUMER.INFO.${events}.*`,
        ...reads(tokens, subjects.tokens("*")),
        ...reads(keys),
        ...reads(audit, subjects.textRead("*")),
      ],
      subscribe: [
        // What the pages show as it happens, and what a waiting call waits for.
        ...[subjects.allStored, subjects.tokens("*")],
        ...[subjects.worker("*", "*"), subjects.projection("*")],
        subjects.groupChanged(anyGroup),
        // The calls of owners, which come by imports.
        subjects.api("*", "*"),
      ],
    },
    inference: {
      publish: [
        // What becomes of a task, with the cancel that its deadline asks for: it can't make a task.
        ...(
          ["started", "retried", "completed", "failed", "cancelled"] as const
        ).map((word) => subjects.event(word, any)),
        subjects.tokens("*"),
        // It says that it lives, and which queue has a task again.
        subjects.worker("*", "*"),
        ...wakes,
        ...writesLog("inference", names),
        // It looks tasks up: by the index, else in the log.
        subjects.index,
        ...[get(events), get(tokens)],
        ...reads(events),
        ...reads(tokens, subjects.tokens("*")),
        // It finds work queues, and takes and acknowledges work.
        `$JS.API.CONSUMER.INFO.${events}.*`,
        `$JS.API.CONSUMER.LIST.${events}`,
        ...acknowledgesBy(events, "*"),
      ],
      subscribe: [
        // Its peers; new work and cancels.
        subjects.worker("*", "*"),
        ...wakes,
        ...[any, anyGroup].map((of) => subjects.stored("requested", of)),
        subjects.stored("cancelled", any),
      ],
    },
    results: {
      publish: [
        // It ends tasks that no worker ends in time, and those whose deadline asks for a cancel.
        subjects.event("failed", any),
        subjects.event("cancelled", any),
        subjects.projection("results"),
        // The work queues are its to make again and to remove.
        ...wakes,
        subjects.groupChanged(anyGroup),
        ...reads(events, ">"),
        `$JS.API.CONSUMER.INFO.${events}.*`,
        `$JS.API.CONSUMER.NAMES.${events}`,
        // It alone drops finished history. No permission limits how much.
        `$JS.API.STREAM.PURGE.${events}`,
        get(events),
        // What was streamed of a task that it ends.
        ...reads(tokens, subjects.tokens("*")),
        ...writesLog("results", names),
        // Answers to those who ask the task index.
        ...[inboxOf("gateway"), inboxOf("inference"), answersToAccounts],
      ],
      subscribe: [
        ...[...questions, subjects.metrics],
        ...[subjects.worker("*", "*"), subjects.projection("*")],
      ],
    },
    logger: {
      publish: [
        // Its own records are all that it writes.
        subjects.log("logger"),
        subjects.projection("logger"),
        // It reads the events by several filters, and the records of all services.
        ...[get(events), get(logs)],
        ...reads(events, ">"),
        ...reads(logs),
      ],
      subscribe: [],
    },
    webhooks: {
      publish: [
        ...writesLog("webhooks", names),
        subjects.projection("webhooks"),
        // It looks up the request of an outcome, and takes outcomes by a durable consumer of its own.
        get(events),
        ...durable(events, names.durableName("webhooks")),
        // What was not delivered it stores, takes by another one, counts for each owner, and removes.
        subjects.webhookDelivery("*", "*"),
        subjects.webhookDisabled("*", "*"),
        get(webhooks),
        ...durable(webhooks, names.durableName("webhooks")),
        ...reads(webhooks, subjects.allWebhooks),
        `$JS.API.STREAM.MSG.DELETE.${webhooks}`,
      ],
      subscribe: [],
    },
    operator: {
      publish: [
        // Streams and consumers are its to make, change and remove; what they hold it reads, and can't add to.
        "$JS.API.>",
        ...acknowledgesBy("*", "*"),
        // The pieces of a backup and of a restored stream.
        "$JS.SNAPSHOT.>",
        // Its programs ask as the gateway does, and every service how it is.
        ...questions,
        subjects.metrics,
        "$SRV.>",
      ],
      subscribe: [
        // What happens now, and what the broker says of streams and consumers.
        ...[subjects.allStored, subjects.tokens("*")],
        ...[subjects.worker("*", "*"), subjects.projection("*")],
        ...[...wakes, subjects.groupChanged(anyGroup)],
        "$JS.EVENT.>",
      ],
    },
  };
}

/** Single messages of a stream. */
const get = (stream: string) => `$JS.API.STREAM.MSG.GET.${stream}`;

/**
 * Reads a stream in order, by consumers that it makes and removes: with a filter that fits the pattern, with none, and
 * with several. Without `filter`: with none.
 */
function reads(stream: string, filter?: string): string[] {
  const create = `$JS.API.CONSUMER.CREATE.${stream}`;
  return [
    `${create}.*`,
    ...(filter === undefined ? [] : [`${create}.*.${filter}`]),
    // A client names no consumer in the subject where it has several filters.
    ...(filter === ">" ? [create] : []),
    `$JS.API.CONSUMER.MSG.NEXT.${stream}.*`,
    `$JS.API.CONSUMER.DELETE.${stream}.*`,
  ];
}

/** A durable consumer of its own: makes it, reads by it, acknowledges. */
const durable = (stream: string, name: string) => [
  `$JS.API.CONSUMER.CREATE.${stream}.${name}`,
  `$JS.API.CONSUMER.CREATE.${stream}.${name}.>`,
  // With several filters, whose names are not in the subject.
  `$JS.API.CONSUMER.DURABLE.CREATE.${stream}.${name}`,
  `$JS.API.CONSUMER.INFO.${stream}.${name}`,
  `$JS.API.CONSUMER.MSG.NEXT.${stream}.${name}`,
  ...acknowledgesBy(stream, name),
];

/** Its log records; and reads one back, for the time at which the broker stored it. */
const writesLog = (role: ServiceRole, { streams, subjects }: Names) => [
  subjects.log(role),
  get(streams.logs),
];
