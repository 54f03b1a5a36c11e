/** The OpenAPI document, made from the routes' own schemas: `/openapi.json`. */
import swagger from "@fastify/swagger";
import {
  createJsonSchemaTransform,
  jsonSchemaTransformObject,
} from "fastify-type-provider-zod";
import type { App } from "./appDeps.ts";
import type { Answer } from "./docs.ts";

/** What a person wants to do, in the order of the page; each route is under one. */
export const tags = [
  {
    name: "Submit",
    description: "Have prompts accepted. A 202 is a promise.",
  },
  {
    name: "Read",
    description: "Read where a task stands, and what came out of it.",
  },
  { name: "Stream", description: "Read the text while it is written." },
  { name: "Cancel", description: "End what is no longer needed." },
  {
    name: "Find tasks",
    description: "List tasks of one's own, and act on many of them.",
  },
  {
    name: "Webhooks",
    description: "Be told of outcomes, and look after what was not delivered.",
  },
  { name: "Keys", description: "Make, list and revoke API keys." },
  {
    name: "OpenAI",
    description: "The calls that clients of OpenAI's API make.",
  },
  {
    name: "Operate",
    description: "For people and programs that run the system.",
  },
] as const;

const description = `LLM inference over an event log: POST a prompt, get a task id at once, read the result whenever you want.
A 202 is a promise: whatever dies afterwards, the task gets exactly one outcome.

A refusal is problem details (RFC 9457); its \`Link\` leads to a page that explains it.`;

declare module "fastify" {
  interface FastifySchema {
    /** A request body that a running system accepts, for the document. */
    example?: unknown;
  }
}

/** Of the routes that are registered from now on. */
export async function describeRoutes(app: App): Promise<void> {
  const { publicPath } = app;
  await app.register(swagger, {
    openapi: {
      openapi: "3.1.0",
      info: {
        title: "Jetscribe",
        version: "1",
        description,
        license: {
          name: "Apache-2.0",
          url: "https://www.apache.org/licenses/LICENSE-2.0",
        },
      },
      servers: [{ url: publicPath || "/" }],
      tags: [...tags],
      components: {
        securitySchemes: {
          apiKey: {
            ...{ type: "apiKey", in: "header", name: "X-API-Key" },
            description: "An API key of the system.",
          },
          bearer: {
            ...{ type: "http", scheme: "bearer" },
            description:
              "The same key, a read token, or for GET calls the token of a read-only link, as a bearer token.",
          },
          readToken: {
            ...{ type: "apiKey", in: "query", name: "token" },
            description:
              "Of `POST /tasks/{task_id}/token`, where headers can't be sent.",
          },
        },
      },
    },
    transform: withExamples,
    transformObject: asUsed,
  });
  app.get("/openapi.json", { schema: { hide: true } }, () => app.swagger());
}

const toJsonSchema = createJsonSchemaTransform({
  zodToJsonConfig: {
    override({ zodSchema, jsonSchema }) {
      // An answer without a body, as the library wants it said.
      if (zodSchema._zod.def.type === "undefined") jsonSchema.type = "null";
      // A union that has one member so far.
      if (jsonSchema.oneOf?.length !== 1) return;
      Object.assign(jsonSchema, jsonSchema.oneOf[0]);
      delete jsonSchema.oneOf;
    },
  },
});
type Transform = typeof toJsonSchema;

/** The transform of the zod schemas leaves out the headers and the examples. */
function withExamples(route: Parameters<Transform>[0]): ReturnType<Transform> {
  const { schema, url } = toJsonSchema(route);
  const given = (route.schema?.response ?? {}) as Record<string, Answer>;
  const answers = (schema?.["response"] ?? {}) as Record<
    string,
    { headers?: object; content?: Record<string, object> }
  >;
  for (const [status, { headers = {}, content = {} }] of Object.entries(
    given,
  )) {
    const answer = answers[status];
    if (!answer) continue;
    answer.headers = Object.fromEntries(
      Object.entries(headers).map(([name, description]) => [
        name,
        { type: "string", description },
      ]),
    );
    for (const [type, { examples }] of Object.entries(content))
      if (examples) Object.assign(answer.content?.[type] ?? {}, { examples });
  }
  const example = route.schema?.example;
  if (example !== undefined)
    Object.assign(schema?.["body"] ?? {}, { examples: [example] });
  return { schema, url };
}

/**
 * The transform adds each named schema twice, also as what a request would hold: ours are of answers only. A tag that no
 * route has is left out.
 */
function asUsed(
  document: Parameters<typeof jsonSchemaTransformObject>[0],
): ReturnType<typeof jsonSchemaTransformObject> {
  const transformed = jsonSchemaTransformObject(document);
  if (!("components" in transformed)) return transformed;
  const { schemas = {} } = transformed.components ?? {};
  for (const name of Object.keys(schemas))
    if (name.endsWith("Input")) delete schemas[name];
  const used = new Set(
    Object.values(transformed.paths ?? {}).flatMap((path) =>
      Object.values(path as Record<string, { tags?: string[] }>).flatMap(
        ({ tags = [] }) => tags,
      ),
    ),
  );
  transformed.tags = tags.filter(({ name }) => used.has(name));
  return transformed;
}
