/** Read-only links to the dashboard: decision 0048. */
import { LinkRequest, LinkResponse, LinkSelfResponse } from "@jetscribe/schema";
import { ApiError } from "../../apiError.ts";
import type { App, AppDeps } from "../appDeps.ts";
import { requireScope } from "../auth.ts";
import { answer, problems, security } from "../docs.ts";

const expires_at = 1795979984;

const createSchema = {
  operationId: "createLink",
  tags: ["Keys"],
  summary: "Share the dashboard, to be read only",
  description:
    "A link by which people see what this key may read, without a key. Its token is taken by every GET call that needs the scope `read`, " +
    "and by no call that changes something. It ends with its time and with its key. The body may be absent.",
  body: LinkRequest,
  example: { expires_in: 3_600, text: true },
  response: {
    201: answer(LinkResponse, "The link, which is stored nowhere", {
      example: {
        url: "/dashboard/#link=eyJhbGciOiJIUzI1NiJ9.eyJrZXkiOiJlbnY6ZGVmYXVsdCIsInNjb3BlIjoicmVhZCJ9.2Zr0v7kq1u8mXo5dTtYwHc3bQe6nRfSgLpJaVi9xKzE",
        token:
          "eyJhbGciOiJIUzI1NiJ9.eyJrZXkiOiJlbnY6ZGVmYXVsdCIsInNjb3BlIjoicmVhZCJ9.2Zr0v7kq1u8mXo5dTtYwHc3bQe6nRfSgLpJaVi9xKzE",
        expires_at,
      },
    }),
    ...problems(401, 403, 413, 415, "rate_limited", 503),
  },
  security,
};

const selfSchema = {
  operationId: "getLink",
  tags: ["Keys"],
  summary: "What the given link shows",
  description:
    "For the token of a read-only link; an API key gets a 404, as it is no link.",
  response: {
    200: answer(LinkSelfResponse, "Whose tasks, and until when", {
      example: { owner: "team-a", text: false, all_owners: false, expires_at },
    }),
    ...problems(401, 403, 404, "rate_limited", 503),
  },
  security,
};

export function linkRoutes(app: App, { clock, readTokens }: AppDeps): void {
  const config = { scope: "read" } as const;
  const path = "/dashboard/links";
  app.post(path, { schema: createSchema, config }, async (request, reply) => {
    const { key, body } = request;
    const { expires_in, ...rights } = body;
    if (rights.text) requireScope(request, "read:text");
    if (rights.all_owners) requireScope(request, "admin");
    const end = Math.floor(clock.nowS()) + expires_in;
    const expires_at = Math.min(end, Math.ceil(key.expires_at ?? Infinity));
    const token = await readTokens.signLink(key, rights, expires_at);
    return reply
      .code(201)
      .header("cache-control", "no-store")
      .send({
        url: `${app.publicPath}/dashboard/#link=${token}`,
        ...{ token, expires_at },
      });
  });
  app.get(`${path}/self`, { schema: selfSchema, config }, ({ key }) => {
    const { name, scopes, link, token_expires_at = 0 } = key;
    if (link === undefined)
      throw new ApiError("not_found", "an API key was given, not a link");
    return {
      ...{ owner: name, text: scopes.has("read:text") },
      ...{ all_owners: link.all_owners, expires_at: token_expires_at },
    };
  });
}
