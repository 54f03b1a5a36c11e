/** `/openapi.json`, made from the routes' own schemas, and `/docs`, which shows it. */
import swagger from "@fastify/swagger";
import swaggerUi from "@fastify/swagger-ui";
import { Problem } from "@jetscribe/schema";
import {
  jsonSchemaTransform,
  jsonSchemaTransformObject,
} from "fastify-type-provider-zod";
import { STATUS_CODES } from "node:http";
import * as z from "zod";
import type { App } from "./appDeps.ts";
import { problemTypes } from "./problem.ts";

export async function addDocs(app: App, publicPath: string): Promise<void> {
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
      servers: [{ url: publicPath || "/" }],
      components: {
        securitySchemes: {
          apiKey: { type: "apiKey", in: "header", name: "X-API-Key" },
          bearer: { type: "http", scheme: "bearer" },
        },
      },
    },
    transform: withHeaders,
    transformObject: withoutInputs,
  });
  await app.register(swaggerUi, {
    routePrefix: "/docs",
    indexPrefix: publicPath,
  });
  app.get("/openapi.json", { schema: { hide: true } }, () => app.swagger());
}

/** Of every route behind a key. */
export const security = [{ apiKey: [] }, { bearer: [] }];

type Headers = Readonly<Record<string, string>>;

/** An answer that is not plain JSON, or has headers of its own: with what each of them says. */
export const answer = <T extends z.ZodType>(
  schema: T,
  description: string,
  { type = "application/json", headers = {} } = {},
) => ({ description, headers, content: { [type]: { schema } } });

/** The problems of a route by their status. */
export const problems = <Status extends number>(...statuses: Status[]) =>
  Object.fromEntries([
    ...statuses.map((status) => [status, problem(status)]),
    ["default", problem()],
  ]) as Record<Status | "default", ReturnType<typeof problem>>;

const KnownProblem = Problem.extend({ type: z.enum(problemTypes) }).meta({
  id: "Problem",
});

const problem = (status?: number) =>
  answer(KnownProblem, STATUS_CODES[status ?? 0] ?? "Any other refusal", {
    type: "application/problem+json",
    headers: problemHeaders[status ?? 405] ?? {},
  });

const retryAfter = {
  "Retry-After": "The same call may work after so many seconds.",
};
const problemHeaders: Readonly<Record<number, Headers>> = {
  401: { "WWW-Authenticate": "Bearer" },
  405: { Allow: "Of a 405: the methods that the path takes." },
  429: retryAfter,
  503: retryAfter,
};

type Transform = typeof jsonSchemaTransform;
type Answers = Record<string, { headers?: Headers }>;

/** The transform of the zod schemas leaves out the headers of the answers. */
function withHeaders(route: Parameters<Transform>[0]): ReturnType<Transform> {
  const transformed = jsonSchemaTransform(route);
  const given = (route.schema?.response ?? {}) as Answers;
  const answers = (transformed.schema?.["response"] ?? {}) as Record<
    string,
    object
  >;
  for (const [status, { headers = {} }] of Object.entries(given))
    Object.assign(answers[status] ?? {}, {
      headers: Object.fromEntries(
        Object.entries(headers).map(([name, description]) => [
          name,
          { type: "string", description },
        ]),
      ),
    });
  return transformed;
}

/** The transform adds each named schema twice, also as what a request would hold: ours are of answers only. */
function withoutInputs(
  document: Parameters<typeof jsonSchemaTransformObject>[0],
): ReturnType<typeof jsonSchemaTransformObject> {
  const transformed = jsonSchemaTransformObject(document);
  if ("components" in transformed)
    delete transformed.components?.schemas?.["ProblemInput"];
  return transformed;
}
