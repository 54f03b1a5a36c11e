/** The part of a service's settings that says where its Redis is, and which keys there are its own. */
import * as z from "zod";
import { redisUrl } from "./serverUrl.ts";

/**
 * Words, each with a colon after it, so that no two prefixes run into each other. None of them begins a key of ours: the
 * keys of `a:task:` would else be tasks of `a:`. And no letter has a meaning in a pattern of Redis.
 */
const prefix = /^((?!(task|queue|open):)[\w.-]+:)+$/;

export const RedisSettings = z.object({
  REDIS_URL: redisUrl("redis://127.0.0.1:6379"),
  REDIS_PREFIX: z
    .string()
    .regex(
      prefix,
      "expected words of letters, digits, . _ and -, each with a colon after it, such as jetscribe: or team:llm:, and none of them task, queue or open",
    )
    .default("jetscribe:"),
});
