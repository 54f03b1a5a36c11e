/** `/openapi.json`, made from the routes' own schemas, and `/docs`, which shows it. */
import swagger from "@fastify/swagger";
import swaggerUi from "@fastify/swagger-ui";
import { jsonSchemaTransform } from "fastify-type-provider-zod";
import type { App } from "./app.ts";

export async function addDocs(app: App): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: "3.1.0",
      info: {
        title: "Jetscribe",
        version: "1",
        description:
          "LLM inference over an event log: POST a prompt, get a task id at once, read the result whenever you want. " +
          "A 202 is a promise: whatever dies afterwards, the task gets exactly one outcome.",
      },
      components: {
        securitySchemes: {
          apiKey: { type: "apiKey", in: "header", name: "X-API-Key" },
          bearer: { type: "http", scheme: "bearer" },
        },
      },
    },
    transform: jsonSchemaTransform,
  });
  await app.register(swaggerUi, { routePrefix: "/docs" });
  app.get("/openapi.json", { schema: { hide: true } }, () => app.swagger());
}

/** Of every route behind a key. */
export const security = [{ apiKey: [] }, { bearer: [] }];
