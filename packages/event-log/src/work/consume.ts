/**
 * Work from the queues of one model: how many deliveries are in hand, and what becomes of each. A queue is one durable
 * consumer, of one lane and owner; `queueScheduler.ts` says which one is pulled next.
 */
import {
  fallbackLookEveryMs,
  type GenerateRequested,
  type Queue,
  type RecordedEvent,
} from "@jetscribe/schema";
import { decodeEvent } from "../codec/codec.ts";
import type { Broker } from "../broker/connection.ts";
import { makeFindWork, sample, type FindOptions } from "./findWork.ts";
import { makeGroupsInHand } from "./groupsInHand.ts";
import { makeThroughput } from "./throughput.ts";
import { makePuller, type Delivery } from "../read/pull.ts";
import { makePullWork } from "./pullWork.ts";
import { makeQueueScheduler, type WorkQueue } from "./queueScheduler.ts";
import { hearWake, sendWake } from "../signals/signals.ts";
import { acknowledgement, type Handled } from "./handled.ts";
import { watchForStuck } from "../broker/watchForStuck.ts";
import {
  makeHighWaterMarks,
  type DeliveryProof,
} from "../state/highWaterMark.ts";
import { hasUndelivered } from "../streams/topology.ts";

export type RequestedEvent = Extract<
  RecordedEvent,
  { type: "GenerateRequested" }
>;

/** A delivery of a GenerateRequested. */
export interface WorkItem extends DeliveryProof {
  event: RequestedEvent;
  queue: Queue;
  traceparent: string | undefined;
  /** So many tokens were computed for it so far: its owner's turns are counted by them. */
  served: (tokens: number) => void;
  /** Its slot is free: what is left to do needs none, so another delivery may come. */
  leaveSlot: () => void;
  /** Asks for another ack_wait. Resolves with the broker's answer, which doesn't prove that the lease is still ours. */
  renew(timeoutMs: number): Promise<void>;
}

export type WorkSource = ReturnType<typeof consumeWork>;

export interface WorkOptions extends FindOptions {
  /** How many tasks may run now; as many again may be in hand that have left their slots. */
  slots: () => number;
  /** Must not reject. */
  handle: (item: WorkItem) => Promise<Handled>;
  /** The message at this sequence is no work, and is never delivered again. */
  onDiscarded: (because: string, seq: number) => void;
  /** Work waits and none comes, whatever was tried: only another process can help. */
  onStuck: () => void;
  /** How often work is looked for that no wake-up told of, and how long it may wait for free slots. */
  sweepEveryMs?: number;
  stuckAfterMs?: number;
}

const ackTimeoutMs = 2_000;
/** Of the queues in which tasks seem to wait so many are asked whether they do. */
const maxQueuesChecked = 4;
/**
 * Tokens that a task counts which isn't run: enough that turns are taken. A prompt that is refused, or only looked up,
 * was still sent and taken apart, which a megabyte's neighbours wait for.
 */
const notRunCosts = (promptChars: number): number => 1 + promptChars / 4_096;

export function consumeWork(broker: Broker, options: WorkOptions) {
  const { model, slots, handle, onDiscarded, onStuck } = options;
  const { sweepEveryMs = fallbackLookEveryMs, stuckAfterMs = 10_000 } = options;
  const scheduler = makeQueueScheduler(broker);
  const marks = makeHighWaterMarks(broker);
  const work = makeFindWork(broker, options);
  const puller = makePuller(broker, (delivery) => {
    const queue = scheduler.named(delivery.consumer);
    if (queue !== undefined) accept(delivery, queue);
  });
  /** By task id; the reply is that of the latest delivery. */
  const inHand = new Map<string, { reply: string; queue: WorkQueue }>();
  const groups = makeGroupsInHand();
  /** How many of these have left their slots. */
  let leaving = 0;
  let stopped = false;
  const empty = Promise.withResolvers<void>();
  const throughput = makeThroughput();

  const free = () =>
    stopped ? 0 : slots() + Math.min(leaving, slots()) - inHand.size;
  const stuck = watchForStuck(
    {
      mild: [() => puller.renew(), () => broker.reconnect()],
      last: onStuck,
    },
    stuckAfterMs,
  );
  const pullWork = makePullWork(broker, {
    scheduler,
    puller,
    free,
    onDelivery: accept,
    onAnswer: stuck.answered,
    onWaited: (queue, ms) =>
      scheduler.charge(
        queue,
        ((throughput.tokensPerSecond() ?? 0) * ms) / 1_000,
      ),
  });

  function accept(delivery: Delivery, queue: WorkQueue) {
    stuck.delivered();
    scheduler.noteDelivery(queue, delivery.pending);
    const decoded = decodeEvent(delivery);
    if (!("event" in decoded) || decoded.event.type !== "GenerateRequested") {
      const because = "garbage" in decoded ? decoded.garbage : "no request";
      if (broker.connected) broker.nc.publish(delivery.reply, "+TERM");
      onDiscarded(because, delivery.seq);
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
    let hasLeft = false;
    inHand.set(id, entry);
    groups.add(queue, event.data.group_concurrency);
    if (groups.isFull(queue.name)) scheduler.noteFull(queue);
    const bill = openBill(queue, event);
    const { freshAsOf, highWaterMark } = marks.proofOf(delivery);
    const handled = await handle({
      event,
      queue: queue.queue,
      traceparent: delivery.header("traceparent") || undefined,
      freshAsOf,
      highWaterMark,
      served: bill.served,
      leaveSlot() {
        if (hasLeft) return;
        hasLeft = true;
        leaving++;
        pullWork();
      },
      renew: async (timeoutMs) => {
        await broker.nc.request(entry.reply, "+WPI", { timeout: timeoutMs });
      },
    });
    inHand.delete(id);
    groups.remove(queue);
    if (hasLeft) leaving--;
    bill.close();
    settle(entry.reply, queue, handled);
    if (stopped && inHand.size === 0) empty.resolve();
    pullWork();
  }

  /** The prompt counts from the delivery on, as an estimate until the engine knows. */
  function openBill(queue: WorkQueue, event: RequestedEvent) {
    const began = performance.now();
    const chars = promptChars(event.data);
    // A quarter of them: the rule of thumb for English.
    let tokens = chars / 4;
    let ran = false;
    scheduler.charge(queue, tokens);
    const correct = (to: number) => {
      scheduler.charge(queue, to - tokens);
      tokens = to;
    };
    return {
      served: (now: number) => {
        ran = true;
        correct(now);
      },
      close() {
        if (!ran) return correct(notRunCosts(chars));
        scheduler.noteFinished(queue, tokens);
        throughput.noteFinished(tokens, (performance.now() - began) / 1_000);
      },
    };
  }

  /** A plain ack: a lost one costs one look-up. */
  function settle(reply: string, { queue }: WorkQueue, handled: Handled) {
    if (handled.kind === "lost" || !broker.connected) return;
    if (handled.kind === "done" && queue.group !== undefined)
      return void makeRoom(reply, queue);
    broker.nc.publish(reply, acknowledgement(handled));
    // A redelivery sends no wake-up of its own.
    if (handled.kind === "retry" && handled.afterMs === 0)
      sendWake(broker, queue);
  }

  /** A group's next task can be had once the broker has taken the acknowledgement: only then others are told. */
  async function makeRoom(reply: string, queue: Queue): Promise<void> {
    const asked = broker.nc.request(reply, "+ACK", { timeout: ackTimeoutMs });
    await asked.catch(() => undefined);
    sendWake(broker, queue);
  }

  async function sweep() {
    if (!broker.connected || stopped) return;
    try {
      // Read before the queues are looked at, so that it is older than anything that they hold.
      const mark = await marks.read();
      const { queues, waiting } = await work.find(mark);
      const tasksInHand = new Map<WorkQueue, number>();
      for (const { queue } of inHand.values())
        tasksInHand.set(queue, (tasksInHand.get(queue) ?? 0) + 1);
      scheduler.forgetIdle(tasksInHand);
      scheduler.noteFound(queues, tasksInHand);
      pullWork();
      if (waiting !== undefined) stuck.seen(await anyWaits(waiting));
    } catch {
      // The broker is away or slow: asked again at the reconnect, and in five seconds.
    }
  }

  /** Whether slots are free, and a request waits that was never delivered. */
  async function anyWaits(queues: readonly Queue[]): Promise<boolean> {
    if (free() <= 0) return false;
    for (const queue of sample(queues, maxQueuesChecked))
      if (await hasUndelivered(broker, queue)) return free() > 0;
    return false;
  }

  const wake = hearWake(broker, model, (queue) => {
    if (groups.isFull(broker.workConsumerName(queue))) return;
    scheduler.noteWakeUp(queue);
    pullWork();
  });
  const sweepAgain = broker.onReconnect(() => {
    work.listAnew();
    void sweep();
  });
  const timer = setInterval(() => void sweep(), sweepEveryMs);
  void sweep();

  return {
    /** Ids of the tasks from their delivery until their handler is done. */
    inHand: () => [...inHand.keys()],
    /** What one slot did of late, prompts counted too; undefined: no task was finished yet. */
    tokensPerSecond: throughput.tokensPerSecond,
    /** Asks for deliveries where slots are free: there may be more of them than before. */
    pullWork,
    /** Takes no more work; what is in hand goes on. Resolves once nothing is in hand. */
    async stop() {
      stopped = true;
      // Or what is handed back comes to our own standing pulls.
      await puller.drain();
      if (inHand.size > 0) await empty.promise;
    },
    [Symbol.asyncDispose]() {
      stopped = true;
      clearInterval(timer);
      marks[Symbol.dispose]();
      sweepAgain();
      wake[Symbol.dispose]();
      puller[Symbol.dispose]();
      return Promise.resolve();
    },
  };
}

const promptChars = ({ prompt = "", messages = [] }: GenerateRequested) =>
  messages.reduce((sum, { content }) => sum + content.length, prompt.length);
