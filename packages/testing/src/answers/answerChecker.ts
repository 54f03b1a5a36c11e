/** Holds an answer of the REST interface against the OpenAPI document of the gateway that gave it. */
import { Validator, type Schema } from "@cfworker/json-schema";

/** What of an OpenAPI document is looked at. */
export interface ApiDocument {
  servers?: { url: string }[];
  paths: Record<string, Record<string, ApiOperation>>;
  components?: object;
}
export interface ApiOperation {
  operationId: string;
  tags?: string[];
  parameters?: ApiParameter[];
  requestBody?: { content: Record<string, ApiMedia> };
  responses: Record<string, ApiAnswer>;
}
export interface ApiParameter {
  name: string;
  in: "path" | "query" | "header";
  required?: boolean;
  schema: Schema;
}
export interface ApiMedia {
  schema: Schema;
  example?: unknown;
  examples?: Record<string, { value: unknown }>;
}
export interface ApiAnswer {
  content?: Record<string, ApiMedia>;
}

/** A request and the whole of its answer. */
export interface Exchange {
  method: string;
  /** As it was sent, with the query. */
  path: string;
  status: number;
  /** By their names in lower case. */
  headers: Readonly<Record<string, string | undefined>>;
  /** undefined: it did not come to its end, or was not kept. */
  body: Buffer | undefined;
}

/** What the server itself refuses, before any route is asked: such an answer is the document's `default`. */
const ofTheServer: ReadonlySet<number> = new Set([
  408, 413, 414, 417, 431, 501,
]);

/** The function tells what is wrong with an answer: in words, an empty list if nothing is. */
export function makeAnswerChecker(document: ApiDocument) {
  const find = makeFindRoute(document);
  const validators = new WeakMap<object, Validator>();
  const validatorOf = (schema: Schema): Validator => {
    const known = validators.get(schema);
    if (known) return known;
    const whole = { ...schema, components: document.components };
    const made = new Validator(whole, "2020-12", false);
    validators.set(schema, made);
    return made;
  };

  function bodyErrors(media: ApiMedia, type: string, body: Buffer): string[] {
    if (!/\bjson$/.test(type)) return [];
    let value: unknown;
    try {
      value = JSON.parse(body.toString());
    } catch {
      return ["the body is no JSON"];
    }
    const { valid, errors } = validatorOf(media.schema).validate(value);
    if (valid) return [];
    return errors
      .filter(({ keyword }) => keyword !== "$ref" && keyword !== "properties")
      .map(({ instanceLocation, error }) => `${instanceLocation}: ${error}`);
  }

  return (exchange: Exchange): string[] => {
    const { method, status, headers, body } = exchange;
    if (method === "OPTIONS" || method === "CONNECT") return [];
    const route = find(exchange);
    if (route === undefined && status < 400) return [];
    const [type = ""] = (headers["content-type"] ?? "").split(";");
    const answer = answerOf(route, status);
    if (answer === undefined) return [`the status ${status} is not documented`];
    const types = Object.keys(answer.content ?? {});
    const length = Number(headers["content-length"] ?? body?.length ?? 0);
    if (types.length === 0)
      return length > 0 && method !== "HEAD"
        ? ["a body is not documented"]
        : [];
    // The server itself refuses in one form, whatever the routes' own is.
    const isServers = status === 400 || ofTheServer.has(status);
    const media =
      answer.content?.[type] ??
      (isServers ? anyRoute.responses["default"]?.content?.[type] : undefined);
    if (media === undefined)
      return [`the type is ${type || "none"}, documented: ${types.join(", ")}`];
    const wrong = headerErrors(type, status, headers);
    if (body === undefined || method === "HEAD") return wrong;
    return [...wrong, ...bodyErrors(media, type, body)];
  };

  function answerOf(
    route: Route | undefined,
    status: number,
  ): ApiAnswer | undefined {
    const { responses = refusalsOf(route) } = route?.operation ?? {};
    const isDefault = route?.operation === undefined || ofTheServer.has(status);
    return responses[status] ?? (isDefault ? responses["default"] : undefined);
  }

  /** Of a path or a method that is not in the document. */
  function refusalsOf(route: Route | undefined): ApiOperation["responses"] {
    const ofOpenai = document.paths["/v1/models"]?.["get"]?.responses;
    return (route?.path === openaiPath && ofOpenai) || anyRoute.responses;
  }
}

/** Of all paths that are refused in the form of OpenAI's API. */
const openaiPath = "/v1/{any}";

interface Route {
  path: string;
  /** undefined: the path takes no such method. */
  operation: ApiOperation | undefined;
}

/** Of a path that is not in the document: each refusal is a problem. */
const anyRoute: Pick<ApiOperation, "responses"> = {
  responses: {
    default: {
      content: {
        "application/problem+json": {
          schema: { $ref: "#/components/schemas/Problem" },
        },
      },
    },
  },
};

/** What HTTP or the document asks of the headers of a refusal. */
function headerErrors(
  type: string,
  status: number,
  headers: Exchange["headers"],
): string[] {
  if (type !== "application/problem+json") return [];
  const asked: Readonly<Record<number, string>> = {
    401: "www-authenticate",
    405: "allow",
    429: "retry-after",
    503: "retry-after",
  };
  const name = asked[status];
  return name !== undefined && headers[name] === undefined
    ? [`a ${status} without ${name}`]
    : [];
}

/** The function finds the route of a request, as the gateway does: any slashes may be doubled, one may end the path. */
export function makeFindRoute({ servers = [], paths }: ApiDocument) {
  const prefix = servers[0]?.url.replace(/\/$/, "") ?? "";
  const routes = Object.entries(paths)
    .map(([path, methods]) => ({ path, methods, pattern: patternOf(path) }))
    // A fixed word before a parameter.
    .sort((a, b) => parameters(a.path) - parameters(b.path));

  return ({
    method,
    path: given,
  }: Pick<Exchange, "method" | "path">): Route | undefined => {
    const [whole = ""] = given.split(/[?#]/);
    const path = whole.startsWith(prefix) ? whole.slice(prefix.length) : whole;
    const found = routes.find(({ pattern }) => pattern.test(path));
    const name = (method === "HEAD" ? "GET" : method).toLowerCase();
    const operation = found?.methods[name];
    if (operation === undefined && /^\/+v1(?:\/|$)/.test(path))
      return { path: openaiPath, operation };
    return found && { path: found.path, operation };
  };
}

const parameters = (path: string): number => path.split("{").length;

function patternOf(path: string): RegExp {
  const parts = path.split("/").filter((part) => part !== "");
  const pattern = parts.map((part) =>
    part.startsWith("{") ? "[^/]+" : RegExp.escape(part),
  );
  return new RegExp(`^/+${pattern.join("/+")}/*$`);
}
