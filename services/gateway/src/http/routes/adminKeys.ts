import {
  ChangeKeyRequest,
  CreatedKeyResponse,
  CreateKeyRequest,
  KeyListResponse,
  KeyResponse,
  KeysQuery,
} from "@jetscribe/schema";
import * as z from "zod";
import type { App, AppDeps } from "../appDeps.ts";
import { answer, problems, security } from "../docs.ts";

const example = {
  ...{ id: "Zk3q0RtY81bL", name: "team-a", prefix: "jsk_Zk3q0RtY81bL" },
  ...{ source: "api", status: "active" },
  scopes: ["generate", "read", "read:text", "cancel", "metrics"],
  limits: { max_tasks: 100 },
  created_at: 1795931288.941,
  ...{ expires_at: 1798523288.94, revoked_at: null, last_used_at: null },
};

export const KeyParams = z.object({
  key_id: z.string().meta({ description: "The `id` of GET /admin/keys." }),
});
const config = { scope: "admin" } as const;

const createSchema = {
  operationId: "createKey",
  tags: ["Keys"],
  summary: "Make an API key",
  example: {
    name: "team-a",
    limits: { max_tasks: 100 },
    expires_in: 2_592_000,
  },
  description:
    "The answer has the key itself, which nobody can read again. Two keys have the same name only where `rotate` says so.",
  body: CreateKeyRequest,
  response: {
    201: answer(CreatedKeyResponse, "It works from now on, on all gateways", {
      example: {
        ...example,
        key: "jsk_Zk3q0RtY81bL_m4Vd0pWc9TqXyB7rJ2sKfL5hNgA8uEeZi1oPt6QwRb3",
      },
    }),
    ...problems(400, 401, 403, "key_conflict", 413, 415, "rate_limited", 503),
  },
  security,
};
const listSchema = {
  operationId: "listKeys",
  tags: ["Keys"],
  summary: "List the API keys",
  description:
    "Every key that was ever made, also the expired and revoked ones, and those of `API_KEYS`. With `time` as they were then, without those of `API_KEYS` and without `last_used_at`, which no event tells.",
  querystring: KeysQuery,
  response: {
    200: answer(KeyListResponse, "The keys, without the keys themselves", {
      example: { keys: [{ ...example, last_used_at: 1795931301.2 }] },
    }),
    ...problems(400, 401, 403, "rate_limited", 503),
  },
  security,
};
const changeSchema = {
  operationId: "changeKey",
  tags: ["Keys"],
  summary: "Change an API key",
  example: { scopes: ["generate", "read", "read:text"], expires_at: null },
  description: "What is not named stays as it is.",
  params: KeyParams,
  body: ChangeKeyRequest,
  response: {
    200: answer(KeyResponse, "It is changed", {
      example: {
        ...example,
        scopes: ["generate", "read", "read:text"],
        expires_at: null,
      },
    }),
    ...problems(
      400,
      401,
      403,
      404,
      "key_conflict",
      413,
      415,
      "rate_limited",
      503,
    ),
  },
  security,
};
const revokeSchema = {
  operationId: "revokeKey",
  tags: ["Keys"],
  summary: "Revoke an API key",
  description:
    "Within a second it stops working on every gateway, and its streams and waits end. Its tasks go on. No body is needed.",
  params: KeyParams,
  response: {
    200: answer(KeyResponse, "It is revoked, by this call or an earlier one", {
      example: { ...example, status: "revoked", revoked_at: 1795931310.5 },
    }),
    ...problems(401, 403, 404, "key_conflict", "rate_limited", 503),
  },
  security,
};

export function keyRoutes(app: App, { manageKeys }: AppDeps): void {
  app.post(
    "/admin/keys",
    { schema: createSchema, config },
    async ({ body, key }, reply) => {
      const created = await manageKeys.create(body, key.id);
      return reply.code(201).header("cache-control", "no-store").send(created);
    },
  );
  app.get("/admin/keys", { schema: listSchema, config }, async ({ query }) => ({
    keys: await (query.time === undefined
      ? manageKeys.list()
      : manageKeys.listAt(query.time)),
  }));
  app.patch(
    "/admin/keys/:key_id",
    { schema: changeSchema, config },
    ({ params, body, key }) => manageKeys.change(params.key_id, body, key.id),
  );
}

/** Of a scope that reads no bodies. */
export function revokeKeyRoute(app: App, { manageKeys }: AppDeps): void {
  app.delete(
    "/admin/keys/:key_id",
    { schema: revokeSchema, config },
    ({ params, key }) => manageKeys.revoke(params.key_id, key.id),
  );
}
