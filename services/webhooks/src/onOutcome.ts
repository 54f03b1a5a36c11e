/** An outcome of EVENTS, as its headers tell it. Most have no webhook; of one that has, its request says where it goes. */
import { errorTypeOf, webhookOf } from "@jetscribe/event-log/codec/attributes";
import { eventIdOf, taskIdOf } from "@jetscribe/event-log/codec/eventId";
import type { Broker } from "@jetscribe/event-log/broker/connection";
import { eventAt } from "@jetscribe/event-log/broker/streamState";
import type { Delivery } from "@jetscribe/event-log/read/pull";
import { readDelivery } from "@jetscribe/event-log/webhooks/deliveries";
import type { Handled } from "@jetscribe/event-log/work/handled";
import type { Logger } from "@jetscribe/runtime";
import {
  aboutTask,
  kinds,
  OutcomeWord,
  parseEventSubject,
  type WebhookDelivery,
} from "@jetscribe/schema";
import { makeComplain } from "./complain.ts";
import { pauseWithoutRoom } from "./deliver/decide.ts";
import type { Deliver } from "./deliver/deliver.ts";
import type { WebhookMetrics } from "./metrics.ts";

const done: Handled = { kind: "done" };

/** An outcome that has a webhook. */
interface Told {
  message: Delivery;
  taskId: string;
  /** A slug. */
  owner: string;
  status: OutcomeWord;
  /** The sequence of its request. */
  requestSeq: number;
}

export function makeOnOutcome(deps: {
  broker: Broker;
  deliver: Deliver;
  nowS: () => number;
  metrics: WebhookMetrics;
  log: Pick<Logger, "warn">;
}) {
  const { broker, deliver, nowS, metrics, log } = deps;
  const looked = makeComplain(log, "outcomes can't be looked up now");

  async function tell(told: Told): Promise<Handled> {
    const { message, owner, taskId } = told;
    const tries = message.deliveryCount;
    try {
      // An instance may have stored it and died before it said so here.
      const isStored =
        tries > 1 && (await readDelivery(broker, owner, taskId)) !== undefined;
      if (isStored) return done;
      const delivery = await deliveryOf(told);
      looked.works();
      if (delivery !== undefined)
        return await deliver(delivery, { after: 0, tries });
    } catch (error) {
      if (broker.connected) looked.fails({ ...about(told), err: error });
      return {
        kind: "retry",
        afterMs: pauseWithoutRoom(tries, Math.random()),
      };
    }
    metrics.lost();
    log.warn(
      about(told),
      "a webhook is lost: the log has dropped the request that names it",
    );
    return done;
  }

  /** Undefined: the log has its request no more. */
  async function deliveryOf({
    taskId,
    status,
    requestSeq,
    message,
  }: Told): Promise<WebhookDelivery | undefined> {
    const request = await eventAt(broker, requestSeq);
    if (request?.type !== "GenerateRequested") return undefined;
    const { task_id, owner, model, webhook, traceparent } = request.data;
    if (task_id !== taskId || webhook === undefined) return undefined;
    const now = nowS();
    const error_type = errorTypeOf(message);
    return {
      ...{ task_id, owner, model, status, url: webhook.url },
      ...(error_type && { error_type }),
      ...(traceparent !== undefined && { traceparent }),
      ...{ ended_at: message.time, state: "pending", attempts: 0 },
      ...{ since: now, next_at: now },
    };
  }

  return (message: Delivery): Handled | Promise<Handled> => {
    const requestSeq = webhookOf(message);
    if (requestSeq === undefined) return done;
    const parsed = parseEventSubject(message.subject);
    const word = parsed && OutcomeWord.safeParse(kinds[parsed.type].word).data;
    if (parsed === undefined || word === undefined) return done;
    const { owner } = parsed.queue;
    const taskId = taskIdOf(eventIdOf(message));
    return tell({ message, taskId, owner, status: word, requestSeq });
  };
}

function about({ taskId: task_id, message }: Told) {
  const traceparent = message.header("ce-traceparent");
  return aboutTask({ task_id, ...(traceparent !== "" && { traceparent }) });
}
