import { HealthResponse } from "@jetscribe/schema";
import * as z from "zod";
import { unavailable } from "../../apiError.ts";
import type { App, AppDeps } from "../appDeps.ts";
import { answer, problems } from "../docs.ts";

const Ok = z.object({ status: z.literal("ok") });

/** For people, for `npm start` and for orchestrators; none needs a key. */
export function healthRoutes(app: App, { health, unready }: AppDeps): void {
  app.get(
    "/health",
    {
      schema: {
        operationId: "getHealth",
        summary: "How the system is",
        description:
          "200 if NATS and Redis answer and a worker has its model loaded, else 503 with the same body. " +
          "`degraded` is a 200: what is wrong stands beside it.",
        response: {
          200: answer(HealthResponse, "Healthy or degraded"),
          503: answer(HealthResponse, "Unhealthy"),
        },
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
        summary: "The process is alive",
        response: { 200: answer(Ok, "It is") },
      },
    },
    () => ({ status: "ok" as const }),
  );
  app.get(
    "/readyz",
    {
      schema: {
        operationId: "getReadyz",
        summary: "This gateway can take calls",
        response: { 200: answer(Ok, "It can"), ...problems(503) },
      },
    },
    () => {
      const why = unready();
      if (why !== undefined) throw unavailable(why);
      return { status: "ok" as const };
    },
  );
}
