import {
  ensureWebhookConsumer,
  webhooksConsumer,
  type WebhookSource,
} from "@jetscribe/event-log/webhooks/consumers";
import { workOff, type Work } from "@jetscribe/event-log/webhooks/workOff";
import {
  joinBroker,
  joinClock,
  joinMicro,
  readConfig,
  runService,
} from "@jetscribe/runtime";
import { makeSecretsOf } from "@jetscribe/runtime/webhookSecrets";
import { announce } from "./announce.ts";
import { Config } from "./config.ts";
import { makeDeliver } from "./deliver/deliver.ts";
import { reviveOverdue } from "./deliver/reviveOverdue.ts";
import { makeRoom } from "./deliver/room.ts";
import { makeSlots, waitersPerSlot } from "./deliver/slots.ts";
import { makeGuard } from "./guard/guard.ts";
import { resolveByDns } from "./guard/resolve.ts";
import { makeWebhookMetrics } from "./metrics.ts";
import { makeOnDelivery } from "./onDelivery.ts";
import { makeOnOutcome } from "./onOutcome.ts";
import { makeSend } from "./send/send.ts";

/** A delivery that nobody acknowledged for so many time-outs comes again: its instance is gone. It says that it works on it once for each. */
const ackWaitTimeouts = 3;

await runService(
  "webhooks",
  async (service) => {
    const { env, stack, stopping, log, fail } = service;
    const config = readConfig(Config, env);
    const secretsOf = makeSecretsOf(config.secrets);
    const broker = await joinBroker("webhooks", config.broker, service);
    const { nowS } = await joinClock("webhooks", broker, service);

    const { timeoutMs, times } = config;
    const slots = makeSlots(config.slots);
    const metrics = makeWebhookMetrics(() => slots.used);
    service.showMetrics(metrics.text);
    const guard = makeGuard(config.allowed, resolveByDns);
    const send = makeSend({ guard, secretsOf, nowS, timeoutMs });
    const common = { broker, nowS, metrics, log };
    const room = makeRoom(broker, log);
    const deliver = makeDeliver({ ...common, send, slots, room, times });

    // Most of them wait for a slot, for a second at most. Those that wait for one host are half of them at most.
    const mostInHand = 2 * waitersPerSlot * config.slots.inAll;
    const ackWaitMs = ackWaitTimeouts * timeoutMs;
    const follow = (source: WebhookSource, handle: Work["handle"]) =>
      workOff(
        broker,
        {
          ...{ stream: broker.streams[source], mostInHand, handle },
          renewEveryMs: timeoutMs,
          consumer: webhooksConsumer(broker),
          ensure: () => ensureWebhookConsumer(broker, source, { ackWaitMs }),
          onInterruption: (error) =>
            log.warn({ err: error, source }, "webhooks are interrupted"),
        },
        stopping,
      );
    stack.use(announce(broker, room));
    const overdueMs = 2 * ackWaitMs;
    const inHand = new Set<number>();
    stack.use(reviveOverdue({ broker, nowS, overdueMs, inHand, log }));
    const work = Promise.all([
      follow("events", makeOnOutcome({ ...common, deliver })),
      follow("webhooks", makeOnDelivery({ deliver, nowS, inHand, log })),
    ]).catch(fail);
    stack.defer(() => work.then(() => undefined));
    joinMicro("webhooks", broker, service, {
      description: "delivers outcomes to the addresses that requests name",
    });
  },
  { env: process.env, hasTime: true },
);
