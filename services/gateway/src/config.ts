import {
  BrokerSettings,
  chooseModelName,
  count,
  duration,
  flag,
  RedisSettings,
  setting,
  size,
} from "@jetscribe/runtime";
import { WebhookSecretSettings } from "@jetscribe/runtime/webhookSecrets";
import * as z from "zod";
import { ApiKeyList } from "./keys/apiKeys.ts";

/** Whose `X-Forwarded-For` is believed: nobody's, that of so many hops before us, or that of these addresses. */
const trustProxy = setting<false | number | string[], string>(
  "off, a number of hops, or addresses with commas",
  (text) => {
    if (text === "off") return false;
    if (/^[1-9]\d?$/.test(text)) return Number(text);
    const addresses = text.split(",").map((address) => address.trim());
    const isAddress = (text: string) => /^[0-9a-f.:]+(\/\d{1,3})?$/i.test(text);
    return addresses.every(isAddress) ? addresses : undefined;
  },
);

/** A path without a slash at its end; "" of none. */
const publicPath = setting<string, string>(
  "a path as /llm, of letters, digits and - . _ ~",
  (text) => {
    const path = text.replace(/\/+$/, "");
    return /^(\/(?!\.+(\/|$))[\w.~-]+)*$/.test(path) ? path : undefined;
  },
);

/** The origins whose pages may call: none, all (`*`), or these. */
const corsOrigins = setting<"*" | string[], string>(
  "off, * or origins as https://a.example, with commas",
  (text) => {
    if (text === "off") return [];
    if (text === "*") return text;
    const origins = text.split(",").map((origin) => originOf(origin.trim()));
    return origins.every((origin) => origin !== undefined)
      ? origins
      : undefined;
  },
);

/** As a browser sends it; undefined of what is more or less than an origin. */
function originOf(text: string): string | undefined {
  if (!/^https?:\/\/[^/?#@*]+\/?$/i.test(text)) return undefined;
  return URL.parse(text)?.origin;
}

/** Half the time that the log keeps an event, in ms: later an unfinished request could age out. */
const longestWait = (maxAgeMs: number) => Math.floor(maxAgeMs / 2);

/** The gateway's settings; each variable is described in `.env.example`. */
export const Config = BrokerSettings.extend({
  ...RedisSettings.shape,
  HOST: z.string().default("127.0.0.1"),
  PORT: count(8_000, { min: 1, max: 65_535 }),
  DASHBOARD_PORT: count(undefined, { min: 1, max: 65_535 }).optional(),
  API_KEYS: ApiKeyList,
  MODEL: z.string().default("demo.gguf"),
  MODEL_NAME: z.string().optional(),
  ENGINE: z.string().optional(),
  UPSTREAM_MODEL: z.string().optional(),
  ACK_WAIT: duration("15s"),
  START_TIMEOUT: duration().optional(),
  BODY_LIMIT: size("8MiB"),
  BODIES_IN_FLIGHT: size("48MiB"),
  MAX_QUEUE_DEPTH: count(undefined, { min: 1 }).optional(),
  MAX_TASKS_PER_KEY: count(undefined, { min: 1 }).optional(),
  TOKENS_PER_DAY: count(undefined, { min: 1 }).optional(),
  REQUESTS_PER_MINUTE: count(undefined, { min: 1 }).optional(),
  AUTH_FAILURES_PER_MINUTE: count(60),
  TRUST_PROXY: trustProxy("off"),
  PUBLIC_PATH: publicPath("/"),
  CORS_ORIGINS: corsOrigins("off"),
  WEBHOOKS: flag(true),
  ...WebhookSecretSettings.shape,
}).transform((env, context) => ({
  broker: env,
  redis: { url: env.REDIS_URL, prefix: env.REDIS_PREFIX },
  listen: { host: env.HOST, port: env.PORT },
  /** Another port of the same server; undefined: none. */
  dashboardPort: env.DASHBOARD_PORT,
  keys: env.API_KEYS,
  /** The model of a request that names none, as people see it. */
  modelName: chooseModelName(env, context),
  ackWaitMs: env.ACK_WAIT,
  timeoutMs: env.TASK_TIMEOUT,
  startTimeoutMs: Math.min(
    env.START_TIMEOUT ?? Infinity,
    longestWait(env.EVENTS_MAX_AGE),
  ),
  longestWaitMs: longestWait(env.EVENTS_MAX_AGE),
  bodyLimit: env.BODY_LIMIT,
  bodiesInFlight: env.BODIES_IN_FLIGHT,
  limits: {
    maxQueueDepth: env.MAX_QUEUE_DEPTH,
    maxTasksPerKey: env.MAX_TASKS_PER_KEY,
    tokensPerDay: env.TOKENS_PER_DAY,
  },
  requestsPerMinute: env.REQUESTS_PER_MINUTE,
  /** Of one address; 0: no limit. */
  authFailuresPerMinute: env.AUTH_FAILURES_PER_MINUTE,
  trustProxy: env.TRUST_PROXY,
  publicPath: env.PUBLIC_PATH,
  corsOrigins: env.CORS_ORIGINS,
  /** Whether the system has a webhooks service. */
  webhooks: env.WEBHOOKS,
  webhookSecrets: env,
}));
export type Config = z.infer<typeof Config>;
