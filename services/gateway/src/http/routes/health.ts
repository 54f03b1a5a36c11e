import { HealthResponse } from "@jetscribe/schema";
import * as z from "zod";
import { unavailable } from "../../apiError.ts";
import type { App, AppDeps } from "../appDeps.ts";
import { answer, either, problems } from "../docs.ts";
import { healthExample } from "../examples.ts";

const Ok = z.object({ status: z.literal("ok") });
const example = { status: "ok" };
const others = problems();

/** For people, for `npm start` and for orchestrators; none needs a key. */
export function healthRoutes(app: App, { health, unready }: AppDeps): void {
  app.get(
    "/health",
    {
      schema: {
        operationId: "getHealth",
        tags: ["Operate"],
        summary: "How the system is",
        description:
          "200 if NATS and Redis answer and a worker has its model loaded, else 503 with the same body. " +
          "`degraded` is a 200: what is wrong stands beside it.",
        response: {
          ...others,
          200: answer(HealthResponse, "Healthy or degraded", {
            example: healthExample,
          }),
          503: either(
            answer(HealthResponse, "Unhealthy, or the gateway is stopping", {
              example: {
                ...healthExample,
                ...{ status: "unhealthy", workers: [] },
              },
            }),
            others[503],
          ),
        },
        security: [],
      },
    },
    async (_request, reply) => {
      const body = await health();
      return reply.code(body.status === "unhealthy" ? 503 : 200).send(body);
    },
  );
  app.get(
    "/livez",
    {
      schema: {
        operationId: "getLivez",
        tags: ["Operate"],
        summary: "The process is alive",
        description: "For orchestrators: who gets no 200 starts it again.",
        response: { 200: answer(Ok, "It is", { example }), ...problems() },
        security: [],
      },
    },
    () => ({ status: "ok" as const }),
  );
  app.get(
    "/readyz",
    {
      schema: {
        operationId: "getReadyz",
        tags: ["Operate"],
        summary: "This gateway can take calls",
        description:
          "For load balancers: 503 while the broker can't be reached, and while the gateway stops.",
        response: { 200: answer(Ok, "It can", { example }), ...problems() },
        security: [],
      },
    },
    () => {
      const why = unready();
      if (why !== undefined) throw unavailable(why);
      return { status: "ok" as const };
    },
  );
}
