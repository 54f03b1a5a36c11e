import { LimitsResponse } from "@jetscribe/schema";
import type { RateUse } from "@jetscribe/task-store";
import { ApiError } from "../../apiError.ts";
import type { App, AppDeps } from "../appDeps.ts";
import { answer, problems, security } from "../docs.ts";
import { KeyParams } from "./adminKeys.ts";

const schema = {
  operationId: "getLimits",
  tags: ["Read"],
  summary: "What the key has left of its limits",
  description:
    "Of each limit that the key has: how much it is, and how much is left. What other gateways accepted in the last moment may not count yet.",
  response: {
    200: answer(LimitsResponse, "What is left", {
      example: {
        requests: { limit: 60, remaining: 42, reset_s: 31 },
        tokens: {
          ...{ limit: 100_000, spent: 1_850, reserved: 530 },
          ...{ remaining: 97_620, reset_s: 41_000 },
        },
        tasks: { limit: 100, unfinished: 1 },
      },
    }),
    ...problems(401, 403, "rate_limited", 503),
  },
  security,
};

export function limitsRoute(app: App, { limits }: AppDeps): void {
  const config = { scope: "read" } as const;
  app.get("/limits", { schema, config }, async ({ key, rate }) => ({
    ...(rate && { requests: requestsLeft(rate) }),
    ...(await limits.standing(key)),
  }));
}

const keySchema = {
  ...schema,
  operationId: "getKeyLimits",
  tags: ["Keys"],
  summary: "What a key has left of its limits",
  description:
    "As `GET /limits` tells it to the key itself, and no call is counted for it. Keys of one name share what they use. 404 for a key that does not work any more.",
  params: KeyParams,
  response: {
    200: schema.response[200],
    ...problems(401, 403, 404, "rate_limited", 503),
  },
};

/** For administrators. */
export function keyLimitsRoute(app: App, deps: AppDeps): void {
  const config = { scope: "admin" } as const;
  const path = "/admin/keys/:key_id/limits";
  app.get(path, { schema: keySchema, config }, async ({ params }) => {
    const key = deps.keys.withId(params.key_id);
    if (key === undefined)
      throw new ApiError("not_found", "there is no such key that works");
    const rate = await deps.rates.look(key);
    return {
      ...(rate && { requests: requestsLeft(rate) }),
      ...(await deps.limits.standing(key)),
    };
  });
}

const requestsLeft = ({ limit, remaining, resetS }: RateUse) => ({
  ...{ limit, remaining },
  reset_s: resetS,
});
