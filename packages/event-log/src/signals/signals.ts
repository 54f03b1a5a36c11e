/** What passes on core NATS and is stored nowhere: wake-ups, announcements, log records. Who isn't there misses it. */
import {
  parseGroupSubject,
  parseStoredSubject,
  parseWakeSubject,
  ProjectionAnnouncement,
  WorkerAnnouncement,
  type EventType,
  type Queue,
} from "@jetscribe/schema";
import type { Msg } from "@nats-io/nats-core";
import type * as z from "zod";
import { parseJson } from "../codec/parseJson.ts";
import { subscribe, type Broker } from "../broker/connection.ts";
import { headersOf } from "../codec/headers.ts";

/** False while the broker is away: nothing is sent then, nor kept for later. */
function say({ connected, nc }: Broker, subject: string, body?: string) {
  if (connected) nc.publish(subject, body);
  return connected;
}

/** Says what a worker has in hand. */
export const announceWorker = (
  broker: Broker,
  modelSlug: string,
  word: WorkerAnnouncement,
): boolean =>
  say(
    broker,
    broker.subjects.worker(modelSlug, word.worker_id),
    JSON.stringify(word),
  );

/** Hears the workers of a model (a slug), or of all. */
export const hearWorkers = (
  broker: Broker,
  onWord: (word: WorkerAnnouncement) => void,
  model = "*",
): Disposable =>
  hear(broker, broker.subjects.worker(model, "*"), WorkerAnnouncement, onWord);

export const announceProjection = (
  broker: Broker,
  word: ProjectionAnnouncement,
): boolean =>
  say(broker, broker.subjects.projection(word.name), JSON.stringify(word));

export const hearProjections = (
  broker: Broker,
  onWord: (word: ProjectionAnnouncement) => void,
): Disposable =>
  hear(broker, broker.subjects.projection("*"), ProjectionAnnouncement, onWord);

/** Resolves once the broker has taken in the subscriptions made so far: what is published from now on is heard. */
export const subscribed = async ({ nc }: Broker): Promise<void> => nc.flush();

/**
 * Hears which queues of the model (a slug) have a request: one that was stored, or one that a service handed back. An
 * EVENTS stream of an earlier version republishes stored requests as wake-ups, and 2.9 can't change that.
 */
export function hearWake(
  broker: Broker,
  modelSlug: string,
  onWake: (queue: Queue) => void,
): Disposable {
  const any = anyQueueOf(modelSlug);
  const anyGroup = { ...any, group: "*" };
  const { stored, wake } = broker.subjects;
  const hearing = new DisposableStack();
  for (const subject of [any, anyGroup].flatMap((queues) => [
    stored("requested", queues),
    wake(queues),
  ]))
    hearing.use(
      listen(broker, subject, ({ subject }) => {
        const queue =
          parseStoredSubject(subject)?.queue ?? parseWakeSubject(subject);
        if (queue !== undefined) onWake(queue);
      }),
    );
  return hearing;
}

const anyQueueOf = (modelSlug: string) => ({
  model: modelSlug,
  lane: "*",
  owner: "*",
});

/** Says that a queue has a request again, which was handed back, or that its group has room for one. */
export function sendWake(broker: Broker, queue: Queue): void {
  say(broker, broker.subjects.wake(queue));
}

/** Says that of a group another number may run at once. */
export function sendGroupChanged(broker: Broker, queue: Queue): void {
  say(broker, broker.subjects.groupChanged(queue));
}

/** Hears of which groups, of all models, another number may run at once. */
export const hearGroupsChanged = (
  broker: Broker,
  onChange: (queue: Queue) => void,
): Disposable =>
  listen(
    broker,
    broker.subjects.groupChanged({ ...anyQueueOf("*"), group: "*" }),
    ({ subject }) => {
      const queue = parseGroupSubject(subject);
      if (queue !== undefined) onChange(queue);
    },
  );

/** A stored event, as the broker tells of it: at most once, and without its body. */
export interface StoredHint {
  type: EventType;
  taskId: string;
  /** That was started or has ended; NaN of the other types. */
  attempt: number;
  /** The event's sequence in EVENTS. */
  seq: number;
}

/** Hears the stored events of a queue's tasks. What the log refused is not heard. */
export const hearStored = (
  broker: Broker,
  queue: Queue,
  onStored: (hint: StoredHint) => void,
): Disposable =>
  listen(broker, broker.subjects.stored("*", queue), (msg) => {
    const hint = storedHintOf(msg);
    if (hint !== undefined) onStored(hint);
  });

/** Hears the ids of tasks of the model (a slug) whose cancel was stored. */
export const hearCancelled = (
  broker: Broker,
  modelSlug: string,
  onCancelled: (taskId: string) => void,
): Disposable =>
  listen(
    broker,
    broker.subjects.stored("cancelled", anyQueueOf(modelSlug)),
    (msg) => {
      const hint = storedHintOf(msg);
      if (hint !== undefined) onCancelled(hint.taskId);
    },
  );

/** Undefined where the message is not the broker's. */
function storedHintOf(msg: Msg): StoredHint | undefined {
  const type = parseStoredSubject(msg.subject)?.type;
  const header = headersOf(msg);
  const id = header("Nats-Msg-Id");
  const seq = Number(header("Nats-Sequence"));
  const [taskId, , attempt] = id.split(".");
  if (type === undefined || !taskId || !(seq > 0)) return undefined;
  return { type, taskId, attempt: Number(attempt), seq };
}

/** Hands a log record on to `app.log`; false where the broker is away, and the record is dropped. */
export const sendLogRecord = (
  broker: Broker,
  service: string,
  line: string,
): boolean => say(broker, broker.subjects.log(service), line);

function listen(
  broker: Broker,
  subject: string,
  onMessage: (msg: Msg) => void,
): Disposable {
  const subscription = subscribe(broker, subject, onMessage);
  return { [Symbol.dispose]: () => subscription.unsubscribe() };
}

/** Messages that don't fit the schema are somebody else's: ignored. */
export const hear = <S extends z.ZodType>(
  broker: Broker,
  subject: string,
  schema: S,
  onMessage: (value: z.infer<S>) => void,
): Disposable =>
  listen(broker, subject, (msg) => {
    const parsed = schema.safeParse(parseJson(msg.string()));
    if (parsed.success) onMessage(parsed.data);
  });
