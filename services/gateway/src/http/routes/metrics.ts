import { makeExposition } from "@jetscribe/runtime/metrics/exposition";
import * as z from "zod";
import type { App, AppDeps } from "../appDeps.ts";
import { answer, either, problems, security } from "../docs.ts";
import { metricsExample } from "../examples.ts";

const schema = {
  operationId: "getMetrics",
  tags: ["Operate"],
  summary: "Metrics for Prometheus",
  description:
    "The system's values, which are the same on every gateway, and those of the process that answers. " +
    "In the OpenMetrics format, with exemplars, for whoever accepts it; else in Prometheus' text format. " +
    "The system is looked at once a second at most, however many scrape.",
  headers: z.object({
    accept: z
      .string()
      .optional()
      .meta({ description: "The formats that the scraper reads." }),
  }),
  response: {
    200: either(
      answer(z.string(), "The metrics", {
        ...{ type: "text/plain", example: metricsExample },
      }),
      answer(z.string(), "The metrics", {
        ...{ type: "application/openmetrics-text", example: metricsExample },
      }),
    ),
    ...problems(401, 403, "rate_limited", 503),
  },
  security,
};

export function metricsRoute(app: App, { scrape }: AppDeps): void {
  const config = { scope: "metrics" } as const;
  app.get("/metrics", { schema, config }, async ({ headers }, reply) => {
    const texts = await scrape();
    const { contentType, body } = makeExposition(texts, headers.accept);
    return await reply.header("content-type", contentType).send(body);
  });
}
