/** Calls over the limit of their key are refused before their body is read, and every answer says what is left. */
import type { FastifyInstance } from "fastify";
import type { RateUse } from "@jetscribe/task-store";
import {
  rateHeaders,
  rateLimited,
  type RequestRates,
} from "../admission/requestRates.ts";
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
      void reply.headers(rateHeaders(use));
      if (isOpenaiPath(request.url)) void reply.headers(requestHeaders(use));
      done(use.allowed ? undefined : rateLimited(use));
    }, done);
  });
}
