import type { FastifyReply } from "fastify";
import * as z from "zod";

/** Proxies on the way end longer calls. */
export const maxWaitS = 300;

/** The query of calls that can wait for the outcome. What else it holds is ignored, as a cache buster. */
export const WaitQuery = z.object({
  wait: z.coerce
    .number()
    .min(0)
    .max(maxWaitS)
    .default(0)
    .meta({ description: "Wait for the outcome, so many seconds at most." }),
});

/** Aborts when the caller is gone. fastify's `request.signal` does so too, but also once a body was read to its end. */
export function hangUp({ raw }: Pick<FastifyReply, "raw">): AbortSignal {
  const gone = new AbortController();
  // A reason of its own: the default one is an error, whose stack would cost more than the answer.
  raw.once("close", () => gone.abort("closed"));
  return gone.signal;
}
