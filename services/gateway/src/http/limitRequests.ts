/** Calls over the limit of their key are refused before their body is read, and every answer says what is left. */
import type { FastifyInstance } from "fastify";
import type { RateUse } from "@jetscribe/task-store";
import type { RequestRates } from "../admission/requestRates.ts";
import { ApiError } from "../apiError.ts";
import { isOpenaiPath } from "./openai/openaiError.ts";
import { requestHeaders } from "./openai/rateHeaders.ts";

declare module "fastify" {
  interface FastifyRequest {
    /** Where the key stands after this call; null where it has no limit on its calls. */
    rate: RateUse | null;
  }
}

/** Guards the routes of this scope, which stand behind `requireKey`. */
export function limitRequests(app: FastifyInstance, rates: RequestRates): void {
  app.decorateRequest("rate", null);
  app.addHook("onRequest", (request, reply, done) => {
    const counting = rates.take(request.key);
    if (counting === undefined) return done();
    counting.then((use) => {
      request.rate = use;
      void reply.headers(headersOf(use));
      if (isOpenaiPath(request.url)) void reply.headers(requestHeaders(use));
      done(use.allowed ? undefined : rateLimited(use));
    }, done);
  });
}

/** The three numbers that most servers give, and that clients read, while the draft of the IETF goes on changing its form. */
const headersOf = ({ limit, remaining, resetS }: RateUse) => ({
  "ratelimit-limit": limit,
  "ratelimit-remaining": remaining,
  "ratelimit-reset": resetS,
});

const rateLimited = ({ limit, resetS }: RateUse) =>
  new ApiError("rate_limited", `this key may make ${limit} calls a minute`, {
    limit: { name: "REQUESTS_PER_MINUTE", value: limit },
    retryAfterS: resetS,
  });
