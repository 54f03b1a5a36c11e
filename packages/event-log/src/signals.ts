/** What passes on core NATS and is stored nowhere: hints, announcements, log records. Who isn't there misses it. */
import {
  parseWakeSubject,
  ProjectionAnnouncement,
  subjects,
  WorkerAnnouncement,
  type Queue,
  type RecordedEvent,
} from "@jetscribe/schema";
import type { Msg } from "@nats-io/nats-core";
import type * as z from "zod";
import { decodeEvent } from "./codec.ts";
import { subscribe, type Broker } from "./connection.ts";

/** Says what a worker has in hand. While the broker is away nothing is sent, nor kept for later. */
export function announceWorker(
  broker: Broker,
  modelSlug: string,
  announcement: WorkerAnnouncement,
): void {
  if (broker.connected)
    broker.nc.publish(
      subjects.worker(modelSlug, announcement.worker_id),
      JSON.stringify(announcement),
    );
}

/** Hears the workers of a model (a slug), or of all. */
export const hearWorkers = (
  broker: Broker,
  onAnnouncement: (announcement: WorkerAnnouncement) => void,
  modelSlug = "*",
): Disposable =>
  hear(
    broker,
    subjects.worker(modelSlug, "*"),
    WorkerAnnouncement,
    onAnnouncement,
  );

export function announceProjection(
  broker: Broker,
  announcement: ProjectionAnnouncement,
): void {
  if (broker.connected)
    broker.nc.publish(
      subjects.projection(announcement.name),
      JSON.stringify(announcement),
    );
}

export const hearProjections = (
  broker: Broker,
  onAnnouncement: (announcement: ProjectionAnnouncement) => void,
): Disposable =>
  hear(
    broker,
    subjects.projection("*"),
    ProjectionAnnouncement,
    onAnnouncement,
  );

/** Resolves once the broker has taken in the subscriptions made so far: what is published from now on is heard. */
export const subscribed = async ({ nc }: Broker): Promise<void> => nc.flush();

/** Hears which queues of the model (a slug) have a new request. */
export const hearWake = (
  broker: Broker,
  modelSlug: string,
  onWake: (queue: Queue) => void,
): Disposable =>
  listen(
    broker,
    subjects.wake({ model: modelSlug, lane: "*", owner: "*" }),
    ({ subject }) => {
      const queue = parseWakeSubject(subject);
      if (queue !== undefined) onWake(queue);
    },
  );

/** The hint that the broker gives for a new request, for one that was handed back. */
export function sendWake(broker: Broker, queue: Queue): void {
  if (broker.connected) broker.nc.publish(subjects.wake(queue));
}

/** Hears the ids of tasks of the model (a slug) that are cancelled, from the event's message. */
export const hearCancelled = (
  broker: Broker,
  modelSlug: string,
  onCancelled: (taskId: string) => void,
): Disposable =>
  listen(
    broker,
    subjects.event("cancelled", { model: modelSlug, lane: "*", owner: "*" }),
    ({ headers }) => {
      const id = headers?.get("ce-subject");
      if (id) onCancelled(id);
    },
  );

/**
 * Hears the starts and retries of a queue's tasks as they are published. A start that the log already has from another
 * worker is heard too; an outcome is not: only the log says which one counts.
 */
export function hearProgress(
  broker: Broker,
  queue: Queue,
  onEvent: (event: RecordedEvent) => void,
): Disposable {
  const onMessage = ({ subject, data }: Msg) => {
    const decoded = decodeEvent({ subject, data, seq: 0, time: 0 });
    if ("event" in decoded) onEvent(decoded.event);
  };
  const words = ["started", "retried"] as const;
  const heard = words.map((word) =>
    listen(broker, subjects.event(word, queue), onMessage),
  );
  return {
    [Symbol.dispose]: () => heard.forEach((one) => one[Symbol.dispose]()),
  };
}

/** Hands a log record on to `app.log`; false where the broker is away, and the record is dropped. */
export function sendLogRecord(
  broker: Broker,
  service: string,
  line: string,
): boolean {
  if (!broker.connected) return false;
  broker.nc.publish(subjects.log(service), line);
  return true;
}

function listen(
  broker: Broker,
  subject: string,
  onMessage: (msg: Msg) => void,
): Disposable {
  const subscription = subscribe(broker, subject, onMessage);
  return { [Symbol.dispose]: () => subscription.unsubscribe() };
}

/** Messages that don't fit the schema are somebody else's: ignored. */
const hear = <S extends z.ZodType>(
  broker: Broker,
  subject: string,
  schema: S,
  onMessage: (value: z.infer<S>) => void,
): Disposable =>
  listen(broker, subject, (msg) => {
    const parsed = schema.safeParse(parse(msg.string()));
    if (parsed.success) onMessage(parsed.data);
  });

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
