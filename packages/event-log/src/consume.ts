/**
 * Work from the queues of one model: which queue is asked next, how many deliveries are in hand, and what becomes of
 * each. A queue is one durable consumer, of one lane and owner.
 *
 *   idle ──hint, sweep──▶ wanted ──no_wait pull──▶ asked ──more waits──▶ wanted
 *                                                    └──empty──▶ idle, with a standing pull on the latest few
 *
 * A hint can come before its message can be pulled, so the latest queues have a standing pull; and redeliveries send
 * no hint, so a sweep looks at all queues every few seconds.
 */
import { streams, type Queue, type RecordedEvent } from "@jetscribe/schema";
import { decodeEvent } from "./codec.ts";
import type { Broker } from "./connection.ts";
import { makePuller, type Delivery, type PullEnd } from "./pull.ts";
import { makeRota, type WorkQueue } from "./rota.ts";
import { hearWake, sendWake } from "./signals.ts";
import { streamState } from "./streamState.ts";
import { listWorkQueues } from "./topology.ts";

/**
 * What a handler made of a work item.
 * - done: its outcome is in the log
 * - retry: it comes again after so many ms; 0: to whoever asks first
 * - lost: somebody else may have it; neither ack nor nak, which would take it away from them
 * - give up: it will never be work
 */
export type Handled =
  | { kind: "done" }
  | { kind: "retry"; afterMs: number }
  | { kind: "lost" }
  | { kind: "give up"; because: string };

export type RequestedEvent = Extract<
  RecordedEvent,
  { type: "GenerateRequested" }
>;

/** The log's end as it was read at a time. */
export interface Mark {
  /** By `performance.now()`. */
  at: number;
  /** The log's last sequence. */
  seq: number;
  /** When the stream was created, as the broker writes it. */
  created: string;
}

/** A delivery of a GenerateRequested. */
export interface WorkItem {
  event: RequestedEvent;
  queue: Queue;
  traceparent: string | undefined;
  /**
   * Delivered for the first time, and stored after a reading of the log at most 30 s ago: nobody else can have run it
   * before that reading. By `performance.now()`; undefined where that can't be said.
   */
  freshAsOf: number | undefined;
  /** The latest reading of the log's end, at most 30 s old: whoever has read so far knows the task as of then. */
  mark: Mark | undefined;
  /** Asks for another ack_wait. Resolves with the broker's answer, which doesn't prove that the lease is still ours. */
  renew(timeoutMs: number): Promise<void>;
}

export interface WorkSource extends AsyncDisposable {
  /** Ids of the tasks from their delivery until their handler is done. */
  inHand: () => string[];
  /** There may be more slots than before. */
  ask: () => void;
  /** Takes no more work; what is in hand goes on. Resolves once nothing is in hand. */
  stop(): Promise<void>;
}

export interface WorkOptions {
  /** A slug. */
  model: string;
  /** How many deliveries may be in hand now. */
  slots: () => number;
  /** Must not reject. */
  handle: (item: WorkItem) => Promise<Handled>;
  onGivenUp: (because: string, seq: number) => void;
}

const sweepEveryMs = 5_000;
const standingMs = 2_000;
const freshForMs = 30_000;

/** Takes work until it is stopped. */
export function consumeWork(broker: Broker, options: WorkOptions): WorkSource {
  const { model, slots, handle, onGivenUp } = options;
  const rota = makeRota();
  const puller = makePuller(broker);
  /** By task id; the reply is that of the latest delivery. */
  const inHand = new Map<string, { reply: string; queue: WorkQueue }>();
  /** The credit of all no_wait pulls under way. */
  let asked = 0;
  let stopped = false;
  const empty = Promise.withResolvers<void>();
  let scheduled = false;
  /** The readings of the last 30 s, oldest first. */
  let marks: Mark[] = [];

  const free = () => (stopped ? 0 : slots() - inHand.size);

  /** Once per turn of the event loop, so that slots that become free together are asked for together. */
  function ask() {
    if (scheduled || stopped) return;
    scheduled = true;
    setImmediate(() => {
      scheduled = false;
      if (broker.connected) pullMore();
    });
  }

  function pullMore() {
    let left = free() - asked;
    for (let queue; left > 0 && (queue = rota.next());) {
      const batch = Math.ceil(left / (1 + rota.wantedLike(queue)));
      left -= batch;
      pullNow(queue, batch);
    }
    if (left <= 0 || asked > 0) return;
    const latest = rota.latest();
    for (const queue of latest)
      pullStanding(queue, Math.ceil(left / latest.length));
  }

  function pullNow(queue: WorkQueue, batch: number) {
    asked += batch;
    queue.asked = true;
    puller.pull(
      { stream: streams.events, consumer: queue.name, batch },
      {
        onDelivery: (delivery) => {
          asked--;
          accept(delivery, queue);
        },
        onEnd: (end, delivered) => {
          asked -= batch - delivered;
          queue.asked = false;
          ended(queue, end);
        },
      },
    );
  }

  function pullStanding(queue: WorkQueue, batch: number) {
    queue.standing = true;
    puller.pull(
      {
        stream: streams.events,
        consumer: queue.name,
        batch,
        expiresMs: standingMs,
      },
      {
        onDelivery: (delivery) => accept(delivery, queue),
        onEnd: (end) => {
          queue.standing = false;
          ended(queue, end);
        },
      },
    );
  }

  function ended(queue: WorkQueue, end: PullEnd) {
    if (end === "gone") rota.forget(queue);
    // Nothing is known of what it holds; the sweep after the reconnect asks all queues anyway.
    if (end === "lost") queue.wanted = true;
    ask();
  }

  function accept(delivery: Delivery, queue: WorkQueue) {
    rota.delivered(queue, delivery.pending);
    const decoded = decodeEvent(delivery);
    if (!("event" in decoded) || decoded.event.type !== "GenerateRequested") {
      const because = "garbage" in decoded ? decoded.garbage : "no request";
      settle(delivery.reply, queue, { kind: "give up", because });
      onGivenUp(because, delivery.seq);
      return;
    }
    const { event } = decoded;
    const id = event.data.task_id;
    const running = inHand.get(id);
    if (running !== undefined) {
      // Our own running task once more: what it becomes is told by the latest delivery.
      running.reply = delivery.reply;
      return;
    }
    if (free() <= 0) {
      settle(delivery.reply, queue, { kind: "retry", afterMs: 0 });
      return;
    }
    void run({ ...event, type: "GenerateRequested" }, delivery, queue);
  }

  async function run(
    event: RequestedEvent,
    delivery: Delivery,
    queue: WorkQueue,
  ) {
    const id = event.data.task_id;
    const entry = { reply: delivery.reply, queue };
    inHand.set(id, entry);
    forgetOldMarks();
    const handled = await handle({
      event,
      queue: queue.queue,
      traceparent: delivery.header("traceparent") || undefined,
      freshAsOf: freshAsOf(delivery),
      mark: marks.at(-1),
      renew: async (timeoutMs) => {
        await broker.nc.request(entry.reply, "+WPI", { timeout: timeoutMs });
      },
    });
    inHand.delete(id);
    settle(entry.reply, queue, handled);
    if (stopped && inHand.size === 0) empty.resolve();
    ask();
  }

  function forgetOldMarks() {
    const now = performance.now();
    while (marks[0] !== undefined && now - marks[0].at > freshForMs)
      marks.shift();
  }

  /** By the oldest reading, before which most of a queue was not stored yet. */
  function freshAsOf({ deliveryCount, seq }: Delivery): number | undefined {
    const [oldest] = marks;
    return deliveryCount === 1 && oldest !== undefined && seq > oldest.seq
      ? oldest.at
      : undefined;
  }

  /** A plain ack: a lost one costs one look-up. */
  function settle(reply: string, { queue }: WorkQueue, handled: Handled) {
    if (handled.kind === "lost" || !broker.connected) return;
    broker.nc.publish(reply, acknowledgement(handled));
    // A redelivery sends no hint of its own.
    if (handled.kind === "retry" && handled.afterMs === 0)
      sendWake(broker, queue);
  }

  async function sweep() {
    if (!broker.connected || stopped) return;
    try {
      // Read before the queues are listed, so that it is older than anything that they hold.
      const at = performance.now();
      const { lastSeq, created } = await streamState(broker, streams.events);
      marks.push({ at, seq: lastSeq, created });
      const own = new Map<WorkQueue, number>();
      for (const { queue } of inHand.values())
        own.set(queue, (own.get(queue) ?? 0) + 1);
      rota.found(await listWorkQueues(broker, model), own);
      ask();
    } catch {
      // The broker is away or slow: asked again at the reconnect, and in five seconds.
    }
  }

  const wake = hearWake(broker, model, (queue) => {
    rota.hinted(queue);
    ask();
  });
  const forgetMark = broker.onDisconnect(() => (marks = []));
  const sweepAgain = broker.onReconnect(() => void sweep());
  const timer = setInterval(() => void sweep(), sweepEveryMs);
  void sweep();

  return {
    inHand: () => [...inHand.keys()],
    ask,
    async stop() {
      stopped = true;
      // Or what is handed back comes to our own standing pulls.
      await puller.drain();
      if (inHand.size > 0) await empty.promise;
    },
    [Symbol.asyncDispose]() {
      stopped = true;
      clearInterval(timer);
      forgetMark();
      sweepAgain();
      wake[Symbol.dispose]();
      puller[Symbol.dispose]();
      return Promise.resolve();
    },
  };
}

function acknowledgement(handled: Exclude<Handled, { kind: "lost" }>): string {
  switch (handled.kind) {
    case "done":
      return "+ACK";
    case "retry":
      return handled.afterMs === 0
        ? "-NAK"
        : `-NAK ${JSON.stringify({ delay: Math.round(handled.afterMs * 1e6) })}`;
    case "give up":
      return "+TERM";
  }
}
