/** Calls made from the document: what its routes take, what they hardly take, and what no route takes. */
import type { ApiDocument, ApiMedia, ApiOperation } from "@jetscribe/testing";
import fc from "fast-check";
import { broken, validValue } from "./schemaArbitrary.ts";

/** What is not known before the run: filled in by `bytesOf`. */
export interface Filling {
  /** By the name of a parameter: values that earlier answers had, oldest first. */
  known: (name: string) => readonly string[];
  keys: readonly [string, string];
}

export interface Call {
  /** `operationId` of the route that is meant. */
  of: string;
  method: string;
  /** Of the path; a number stands for one of the known values. */
  path: readonly (string | { name: string; known: number })[];
  query: string;
  headers: readonly (readonly [string, string])[];
  auth: "own" | "other" | "bearer" | "none" | "wrong" | "odd";
  body?: string | Uint8Array | undefined;
  chunked: boolean;
}

/** How calls are sent on one connection. */
export interface Burst {
  calls: readonly Call[];
  /** In pieces of so many bytes, with pauses; 0: at once. */
  pieces: number;
  /** Only so much of the last call is sent, in thousandths, and then the connection is ended. */
  cut: number;
}

/** A burst that is no call at all. */
export interface Noise {
  noise: string;
}

export function anyBurst(document: ApiDocument): fc.Arbitrary<Burst | Noise> {
  const call = anyCall(document);
  const one = fc.array(call, { minLength: 1, maxLength: 1 });
  const pipelined = fc.array(call, { minLength: 2, maxLength: 5 });
  const whole = { pieces: fc.constant(0), cut: fc.constant(1_000) };
  return fc.oneof(
    { weight: 40, arbitrary: fc.record({ calls: one, ...whole }) },
    { weight: 6, arbitrary: fc.record({ calls: pipelined, ...whole }) },
    {
      weight: 2,
      arbitrary: fc.record({
        ...{ calls: one, ...whole },
        pieces: fc.integer({ min: 30, max: 200 }),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        ...{ calls: one, ...whole },
        cut: fc.integer({ min: 0, max: 999 }),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        noise: fc.oneof(
          fc.string({ unit: "binary", maxLength: 200 }),
          fc.constantFrom(
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\nabc",
            "POST /generate HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
            "POST /generate HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
            "POST /generate HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            "GET /livez HTTP/1.1\nHost: a\n\n",
            "GET /livez HTTP/1.1\r\n\r\n",
            "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
            "CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n",
          ),
        ),
      }),
    },
  );
}

function anyCall(document: ApiDocument): fc.Arbitrary<Call> {
  const routes = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) =>
      callsOf(document, path, method.toUpperCase(), operation),
    ),
  );
  return fc.oneof(...routes);
}

function callsOf(
  document: ApiDocument,
  template: string,
  method: string,
  operation: ApiOperation,
): fc.Arbitrary<Call> {
  const { parameters = [], requestBody, operationId } = operation;
  const media = requestBody?.content["application/json"];
  const inHeader = parameters.filter((one) => one.in === "header");
  const names = new Set(inHeader.map(({ name }) => name));
  const own = inHeader.map(({ name, schema }) =>
    mostly(6, fc.constant(undefined), headerValue(name, schema, document)).map(
      (value) => (value === undefined ? [] : [[name, value] as const]),
    ),
  );
  const contentType: fc.Arbitrary<readonly (readonly [string, string])[]> =
    media
      ? mostly(
          12,
          fc.constant([["content-type", "application/json"] as const]),
          fc
            .constantFrom(...contentTypes)
            .map((type) => [["content-type", type] as const]),
        )
      : fc.constant([]);
  return fc.record({
    of: fc.constant(operationId),
    method: mostly(20, fc.constant(method), fc.constantFrom(...otherMethods)),
    path: pathOf(template),
    query: queryOf(document, parameters),
    headers: fc
      .tuple(contentType, fc.tuple(...own), mostly(15, fc.constant([]), junk))
      .map(([type, given, more]) => [
        ...type,
        ...given.flat(),
        ...more.filter(([name]) => !names.has(name.toLowerCase())),
      ]),
    auth: mostly(
      10,
      fc.constant("own" as const),
      fc.constantFrom(
        ...(["own", "other", "bearer", "none", "wrong", "odd"] as const),
      ),
    ),
    body: media
      ? actingRarely(operationId, bodyOf(document, media))
      : mostly(10, fc.constant(undefined), fc.constant("{}")),
    chunked: mostly(12, fc.constant(false), fc.constant(true)),
  });
}

/** The first one `weight` times as often as the second. */
const mostly = <A, B>(
  weight: number,
  usual: fc.Arbitrary<A>,
  rare: fc.Arbitrary<B>,
): fc.Arbitrary<A | B> =>
  fc.oneof({ weight, arbitrary: usual }, { weight: 1, arbitrary: rare });

const otherMethods = [
  ...["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"],
  ...["PROPFIND", "BREW", "get", "QUERY"],
] as const;

const contentTypes = [
  ...["text/plain", "application/xml", "", "application/json; charset=latin1"],
  ...[
    "application/json;charset=utf-8",
    "APPLICATION/JSON",
    "application/jsonx",
  ],
  ...["multipart/form-data; boundary=x", "application/x-www-form-urlencoded"],
  ...["*/*", ";", "application/json, text/plain", "application/problem+json"],
] as const;

const junk = fc.array(
  fc.oneof(
    fc.constantFrom<readonly [string, string]>(
      ["content-encoding", "gzip"],
      ["content-encoding", "identity"],
      ["accept", "application/xml"],
      ["accept-encoding", "gzip, br"],
      ["expect", "100-continue"],
      ["expect", "the-best"],
      ["upgrade", "websocket"],
      ["origin", "https://a.example"],
      ["x-forwarded-for", "::1, garbage, 1.2.3.4"],
      ["x-forwarded-proto", "https"],
      ["x-http-method-override", "DELETE"],
      ["range", "bytes=0-1"],
      ["if-none-match", "*"],
      ["connection", "close"],
      ["cookie", "a=b; __proto__=c"],
      ["content-length", "7"],
      ["host", ""],
      ["x-huge", "x".repeat(20_000)],
      ["x-large", "x".repeat(8_000)],
      ["__proto__", "x"],
    ),
    fc.tuple(
      fc.stringMatching(/^[a-z][a-z0-9-]{0,20}$/),
      fc.string({ unit: "binary-ascii", maxLength: 60 }),
    ),
  ),
  { minLength: 1, maxLength: 4 },
);

function headerValue(
  name: string,
  schema: ApiMedia["schema"],
  document: ApiDocument,
): fc.Arbitrary<string> {
  if (name === "prefer")
    return fc.constantFrom(
      ...["wait=0", "wait=1", "respond-async", "wait=x", "wait=1, wait=2", ""],
    );
  const valid = validValue(schema, document).map(String);
  return fc.oneof(
    { weight: 3, arbitrary: valid },
    {
      weight: 1,
      arbitrary: fc.string({ unit: "binary-ascii", maxLength: 300 }),
    },
  );
}

function pathOf(template: string): fc.Arbitrary<Call["path"]> {
  const parts = template.split(/(\{\w+\})/).filter((part) => part !== "");
  const plain = fc.tuple(
    ...parts.map((part): fc.Arbitrary<Call["path"][number]> => {
      if (!part.startsWith("{")) return fc.constant(part);
      const name = part.slice(1, -1);
      return fc.oneof(
        {
          weight: 8,
          arbitrary: fc.nat(1_000_000).map((known) => ({ name, known })),
        },
        { weight: 1, arbitrary: fc.uuid() },
        {
          weight: 1,
          arbitrary: fc
            .string({ unit: "binary", maxLength: 60 })
            .map((text) => encodeURIComponent(text.toWellFormed())),
        },
        { weight: 1, arbitrary: fc.constantFrom(...pathTricks) },
      );
    }),
  );
  const tricked = fc
    .tuple(plain, fc.constantFrom(...pathTricks), fc.boolean())
    .map(([path, trick, before]) =>
      before ? [`/${trick}`, ...path] : [...path, trick],
    );
  return mostly(15, plain, tricked);
}

const pathTricks = [
  ...["/", "//", "/.", "/..", "..", "%2e%2e", "%2f", "%00", "%ff", "%", "%zz"],
  ...["%c0%af", ";a=b", "?", "#x", "*", "\\", "\u00e9", "x".repeat(300)],
  ...["x".repeat(9_000), "__proto__", "constructor", "{task_id}", "%25", " "],
] as const;

function queryOf(
  document: ApiDocument,
  parameters: NonNullable<ApiOperation["parameters"]>,
): fc.Arbitrary<string> {
  const own = parameters.filter((one) => one.in === "query");
  const odd = fc.oneof(
    fc.constantFrom("?", "?&", "?a=b", "?wait=0&wait=1", "?wait[]=1", "?%"),
    fc.constantFrom(
      "?__proto__=1",
      `?${"a=b&".repeat(1_000)}`,
      "?=",
      "?%ff=%fe",
    ),
    fc.webQueryParameters({ size: "small" }).map((text) => `?${text}`),
  );
  if (own.length === 0) return mostly(15, fc.constant(""), odd);
  const values = own.map(({ name, schema, required = false }) => {
    const valid =
      name === "wait"
        ? fc.constantFrom<unknown>(0, 0.05, 1)
        : validValue(schema, document);
    const value = fc.oneof(
      { weight: 6, arbitrary: valid },
      { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 40 }) },
    );
    const given = value.map((value) => [[name, textOf(value)]]);
    return required ? given : mostly(2, fc.constant([]), given);
  });
  const asked = fc
    .tuple(...values)
    .map((pairs) =>
      String(new URLSearchParams(pairs.flat() as [string, string][])),
    )
    .map((text) => (text === "" ? "" : `?${text}`));
  return mostly(10, asked, odd);
}

const textOf = (value: unknown): string =>
  (typeof value === "string" ? value : JSON.stringify(value)).toWellFormed();

/**
 * A call that runs all tasks again that match makes a thousand tasks, which match the next one: most are dry runs, or the
 * run would do little else.
 */
const actingRarely = (
  operationId: string,
  body: fc.Arbitrary<Call["body"]>,
): fc.Arbitrary<Call["body"]> =>
  operationId === "retryTasks" ? mostly(25, body.map(asDryRun), body) : body;

/** As it is where it is no object as JSON. */
function asDryRun(body: Call["body"]): Call["body"] {
  try {
    const value: unknown = JSON.parse(String(body));
    return isObject(value) && !Array.isArray(value)
      ? JSON.stringify({ ...value, dry_run: true })
      : body;
  } catch {
    return body;
  }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null;

function bodyOf(
  document: ApiDocument,
  media: ApiMedia,
): fc.Arbitrary<Call["body"]> {
  const valid = validValue(media.schema, document);
  const examples = [
    ...(media.example === undefined ? [] : [media.example]),
    ...Object.values(media.examples ?? {}).map(({ value }) => value),
  ];
  // A prompt of its own, by which the log tells whose task it is.
  const example = fc
    .tuple(fc.constantFrom(...examples), fc.nat())
    .map(([value, number]) =>
      isObject(value) && typeof value["prompt"] === "string"
        ? { ...value, prompt: `${value["prompt"]} ${number}` }
        : value,
    );
  const text = (value: unknown) => JSON.stringify(value);
  return fc.oneof(
    { weight: 4, arbitrary: example.map(text) },
    { weight: 8, arbitrary: valid.map(text) },
    { weight: 6, arbitrary: broken(example).map(text) },
    { weight: 6, arbitrary: broken(valid).map(text) },
    { weight: 1, arbitrary: fc.json() },
    { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 100 }) },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 100 }) },
    {
      weight: 1,
      arbitrary: fc
        .tuple(example.map(text), fc.nat(1_000))
        .map(([whole, at]) => whole.slice(0, at % whole.length)),
    },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        ...[
          "",
          "[",
          "null",
          "1e999",
          '"',
          "{}{}",
          '{"__proto__":{}}',
          "\uFEFF{}",
        ],
        ...['{"prompt":"\\ud800"}', '{"prompt":"a","prompt":"b"}', "NaN"],
        ...["[".repeat(20_000), '{"a":'.repeat(5_000), "1".repeat(10_000)],
        `{"prompt":"${"x".repeat(70_000)}"}`,
      ),
    },
  );
}

/** The request as it goes over the wire. */
export function bytesOf(call: Call, { known, keys }: Filling): Buffer {
  const path = call.path.map((part) => {
    if (typeof part === "string") return part;
    const values = known(part.name);
    return values.length === 0 ? "none" : values[part.known % values.length];
  });
  const target = (path.join("") + call.query).replaceAll(" ", "%20");
  const body = call.body === undefined ? undefined : Buffer.from(call.body as string); // prettier-ignore
  const lines = [
    `${call.method} ${target} HTTP/1.1`,
    ...(call.headers.some(([name]) => name === "host") ? [] : ["host: a"]),
    ...authLines[call.auth](keys),
    ...call.headers.map(([name, value]) => `${name}: ${value}`),
  ];
  if (body === undefined) return Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1"); // prettier-ignore
  lines.push(
    call.chunked
      ? "transfer-encoding: chunked"
      : `content-length: ${body.length}`,
  );
  const head = Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1");
  if (!call.chunked) return Buffer.concat([head, body]);
  const size = Buffer.from(`${body.length.toString(16)}\r\n`);
  const end = Buffer.from(body.length === 0 ? "\r\n" : "\r\n0\r\n\r\n");
  return Buffer.concat([head, size, body, end]);
}

const authLines: Record<Call["auth"], (keys: Filling["keys"]) => string[]> = {
  own: ([key]) => [`x-api-key: ${key}`],
  other: ([, key]) => [`x-api-key: ${key}`],
  bearer: ([key]) => [`authorization: Bearer ${key}`],
  none: () => [],
  wrong: () => ["x-api-key: wrong"],
  odd: ([key]) => [`x-api-key: \u00ff${key}`, "authorization: Basic Og=="],
};
