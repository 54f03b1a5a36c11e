import fastify from "fastify";
import type { ZodTypeProvider } from "fastify-type-provider-zod";
import assert from "node:assert/strict";
import { test } from "vitest";
import { makeCallCounts } from "../metrics/callCounts.ts";
import { countCalls } from "./countCalls.ts";

test("every answer counts once, by method, route and status; what is no route, as one", async () => {
  const app = fastify().withTypeProvider<ZodTypeProvider>();
  const counts = makeCallCounts();
  countCalls(app, counts);
  await app.register((scope, _options, done) => {
    scope.get("/tasks/:id", (request, reply) =>
      reply.code(request.url.endsWith("9") ? 503 : 200).send({}),
    );
    done();
  });
  const calls = [
    ...["GET /tasks/1", "GET /tasks/9", "GET /tasks/2", "GET /tasks/9"],
    ...["HEAD /tasks/1", "GET /none", "POST /tasks/1"],
  ].map((call) => call.split(" ") as ["GET" | "HEAD" | "POST", string]);
  for (const [method, url] of calls) await app.inject({ method, url });
  await app.close();
  const told = counts
    .all()
    .map(({ method, route, status, count }) =>
      [method, route, status, count].join(" "),
    );
  assert.deepEqual(told.sort(), [
    "GET /tasks/:id 200 2",
    "GET /tasks/:id 503 2",
    "GET none 404 1",
    "HEAD /tasks/:id 200 1",
    "POST none 404 1",
  ]);
});
