/** A call that would make a task while no task is admitted is refused before its body is read. */
import type { FastifyInstance } from "fastify";
import type { Limits } from "../admission/limits.ts";

/**
 * Guards the routes of this scope, which stand behind `requireKey`. A call with an idempotency key may be the repetition of
 * one that made its task: its body decides.
 */
export function refuseWhenFull(
  app: FastifyInstance,
  limits: Pick<Limits, "refusalOfAny">,
): void {
  app.addHook("onRequest", ({ method, headers, key }, _reply, done) => {
    const mayBeAdmitted =
      method !== "POST" || headers["idempotency-key"] !== undefined;
    done(mayBeAdmitted ? undefined : limits.refusalOfAny(key));
  });
}
