import {
  BrokerSettings,
  chooseModelName,
  count,
  duration,
  RedisSettings,
  size,
} from "@jetscribe/runtime";
import * as z from "zod";
import { ApiKeyList } from "./accept/apiKeys.ts";

/** Whose `X-Forwarded-For` is believed: nobody's, that of so many hops before us, or that of these addresses. */
const TrustProxy = z
  .string()
  .default("off")
  .transform((text, context) => {
    if (text === "off") return false;
    if (/^[1-9]\d?$/.test(text)) return Number(text);
    const list = text.split(",").map((one) => one.trim());
    if (list.every((one) => /^[0-9a-f.:]+(\/\d{1,3})?$/i.test(one)))
      return list;
    const message = "expected off, a number of hops, or addresses with commas";
    context.addIssue({ code: "custom", message });
    return z.NEVER;
  });

/** A path without a slash at its end; "" of none. */
const PublicPath = z
  .string()
  .default("/")
  .transform((text, context) => {
    const path = text.replace(/\/+$/, "");
    if (/^(\/(?!\.+(\/|$))[\w.~-]+)*$/.test(path)) return path;
    const message = "expected a path as /llm, of letters, digits and - . _ ~";
    context.addIssue({ code: "custom", message });
    return z.NEVER;
  });

/** The origins whose pages may call: none, all (`*`), or these. */
const CorsOrigins = z
  .string()
  .default("off")
  .transform((text, context) => {
    if (text === "off") return [];
    if (text === "*") return "*" as const;
    const origins = text.split(",").map((one) => originOf(one.trim()));
    const known = origins.filter((origin) => origin !== undefined);
    if (known.length === origins.length) return known;
    const message =
      "expected off, * or origins as https://a.example, with commas";
    context.addIssue({ code: "custom", message });
    return z.NEVER;
  });

/** As a browser sends it; undefined of what is more or less than an origin. */
function originOf(text: string): string | undefined {
  if (!/^https?:\/\/[^/?#@*]+\/?$/i.test(text)) return undefined;
  return URL.parse(text)?.origin;
}

/** The gateway's settings; each variable is described in `.env.example`. */
export const Config = BrokerSettings.extend({
  ...RedisSettings.shape,
  HOST: z.string().default("127.0.0.1"),
  PORT: count(8_000, { min: 1, max: 65_535 }),
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
  TRUST_PROXY: TrustProxy,
  PUBLIC_PATH: PublicPath,
  CORS_ORIGINS: CorsOrigins,
}).transform((env, context) => ({
  broker: env,
  redis: { url: env.REDIS_URL, prefix: env.REDIS_PREFIX },
  listen: { host: env.HOST, port: env.PORT },
  keys: env.API_KEYS,
  /** The model of a request that names none, as people see it. */
  modelName: chooseModelName(env, context),
  ackWaitMs: env.ACK_WAIT,
  timeoutMs: env.TASK_TIMEOUT,
  /** Never past half the time that the log keeps an event, or an unfinished request could age out. */
  startTimeoutMs: Math.min(
    env.START_TIMEOUT ?? Infinity,
    Math.floor(env.EVENTS_MAX_AGE / 2),
  ),
  bodyLimit: env.BODY_LIMIT,
  bodiesInFlight: env.BODIES_IN_FLIGHT,
  limits: {
    maxQueueDepth: env.MAX_QUEUE_DEPTH,
    maxTasksPerKey: env.MAX_TASKS_PER_KEY,
  },
  trustProxy: env.TRUST_PROXY,
  publicPath: env.PUBLIC_PATH,
  corsOrigins: env.CORS_ORIGINS,
}));
export type Config = z.infer<typeof Config>;
