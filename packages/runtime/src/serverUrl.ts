/**
 * Settings that are addresses of servers. A password with a sign of its own in it cuts an address in another place than
 * its author meant: a client would then call a host, and log it, that is a piece of the password.
 */
import * as z from "zod";

const encoded =
  "with @ / : ? # % and , in a user or password written as %40 %2F %3A %3F %23 %25 %2C";

/** `redis://user:password@host:port/database`, or `rediss://` over TLS. */
export const redisUrl = (fallback: string): z.ZodType<string> =>
  z
    .string()
    .refine(
      (text) => isAddress(text, /^rediss?:$/, /^(\/\d*)?$/),
      `expected redis://user:password@host:port/database, ${encoded}`,
    )
    .prefault(fallback);

/** `nats://user:password@host:port`, or `tls://`; several with commas. The scheme may be left out. */
export const natsUrl = (fallback: string): z.ZodType<string> =>
  z
    .string()
    .refine(
      (text) =>
        text
          .split(",")
          .map((address) =>
            address.includes("://") ? address : `nats://${address}`,
          )
          .every((address) => isAddress(address, /^(nats|tls):$/, /^\/?$/)),
      `expected nats://user:password@host:port, several with commas, ${encoded}`,
    )
    .prefault(fallback);

function isAddress(text: string, scheme: RegExp, path: RegExp): boolean {
  const url = URL.parse(text.trim());
  if (url === null || url.hostname === "") return false;
  // A second @ is taken for a part of the password, and encoded.
  const [, authority = ""] = /^[^/]*\/\/([^/?#]*)/.exec(text.trim()) ?? [];
  return (
    scheme.test(url.protocol) &&
    path.test(url.pathname) &&
    authority.split("@").length <= 2 &&
    url.hash === "" &&
    [url.username, url.password].every(isDecodable)
  );
}

function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}

/**
 * Words, each with a colon after it, so that no two prefixes run into each other. None of them begins a key of ours: the
 * keys of `a:task:` would else be tasks of `a:`. And no letter has a meaning in a pattern of Redis.
 */
const prefix = /^((?!(task|queue|open|spent):)[\w.-]+:)+$/;

/** The part of a service's settings that says where its Redis is, and which keys there are its own. */
export const RedisSettings = z.object({
  REDIS_URL: redisUrl("redis://127.0.0.1:6379"),
  REDIS_PREFIX: z
    .string()
    .regex(
      prefix,
      "expected words of letters, digits, . _ and -, each with a colon after it, such as jetscribe: or team:llm:, and none of them task, queue, open or spent",
    )
    .default("jetscribe:"),
});
