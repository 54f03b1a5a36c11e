import {
  BrokerSettings,
  count,
  duration,
  flag,
  setting,
} from "@jetscribe/runtime";
import { WebhookSecretSettings } from "@jetscribe/runtime/webhookSecrets";
import type * as z from "zod";
import { allowedOf, type Allowed } from "./guard/guard.ts";

const listOf = (text: string): string[] =>
  text.split(",").map((one) => one.trim());

const ports = setting<Set<number> | "any", string>(
  "ports with commas, as 443,8443, or any",
  (text) => {
    if (text === "any") return text;
    const all = listOf(text);
    const isPort = (one: string) =>
      /^[1-9]\d{0,4}$/.test(one) && Number(one) < 65_536;
    return all.every(isPort) ? new Set(all.map(Number)) : undefined;
  },
);

const addresses = setting<Pick<Allowed, "networks" | "names">, string>(
  "addresses, networks as 10.0.0.0/8 and names, with commas",
  (text) => allowedOf(listOf(text)),
);

const positive = (fallback: string) =>
  duration(fallback).refine((ms) => ms >= 1, "must be over 0");

export const Config = BrokerSettings.extend({
  ...WebhookSecretSettings.shape,
  /** Plain http is allowed too. */
  WEBHOOK_ALLOW_HTTP: flag(false),
  /** Private addresses that webhooks may go to. */
  WEBHOOK_ALLOW_PRIVATE: addresses().optional(),
  WEBHOOK_PORTS: ports("80,443"),
  /** Of one attempt, from the look-up of the name to the end of the answer. */
  WEBHOOK_TIMEOUT: duration("10s").refine(
    (ms) => ms >= 1_000 && ms <= 60_000,
    "must be from 1s to 1m",
  ),
  /** Deliveries under way at a time; of one owner a quarter of them. */
  WEBHOOK_PARALLEL: count(128, { min: 4, max: 4_096 }),
  WEBHOOK_PARALLEL_PER_HOST: count(8, { min: 1, max: 4_096 }),
  /** The pause before the second attempt. */
  WEBHOOK_RETRY_AFTER: positive("5s"),
  /** From the first attempt on; then it is given up. */
  WEBHOOK_RETRY_FOR: positive("1d"),
}).transform((env) => ({
  broker: env,
  secrets: env,
  allowed: {
    http: env.WEBHOOK_ALLOW_HTTP,
    ports: env.WEBHOOK_PORTS === "any" ? undefined : env.WEBHOOK_PORTS,
    ...(env.WEBHOOK_ALLOW_PRIVATE ?? {
      networks: [],
      names: new Set<string>(),
    }),
  },
  timeoutMs: env.WEBHOOK_TIMEOUT,
  slots: {
    inAll: env.WEBHOOK_PARALLEL,
    perHost: env.WEBHOOK_PARALLEL_PER_HOST,
    perOwner: Math.ceil(env.WEBHOOK_PARALLEL / 4),
  },
  times: {
    firstPauseMs: env.WEBHOOK_RETRY_AFTER,
    retryForMs: env.WEBHOOK_RETRY_FOR,
  },
}));
export type Config = z.infer<typeof Config>;
