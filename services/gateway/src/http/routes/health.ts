import { HealthResponse, Problem } from "@jetscribe/schema";
import * as z from "zod";
import { unavailable } from "../../apiError.ts";
import type { App, AppDeps } from "../app.ts";

const Ok = z.object({ status: z.literal("ok") });

/** For people, for `npm start` and for orchestrators; none needs a key. */
export function healthRoutes(app: App, { health, unready }: AppDeps): void {
  app.get(
    "/health",
    {
      schema: {
        summary: "How the system is",
        description:
          "200 if NATS and Redis answer and a worker has its model loaded, else 503 with the same body. " +
          "`degraded` is a 200: what is wrong stands beside it.",
        response: { 200: HealthResponse, 503: HealthResponse },
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
      schema: { summary: "The process is alive", response: { 200: Ok } },
    },
    () => ({ status: "ok" as const }),
  );
  app.get(
    "/readyz",
    {
      schema: {
        summary: "This gateway can take calls",
        response: { 200: Ok, 503: Problem },
      },
    },
    () => {
      const why = unready();
      if (why !== undefined) throw unavailable(why);
      return { status: "ok" as const };
    },
  );
}
