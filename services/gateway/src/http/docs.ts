/** How a route describes its answers, for `/openapi.json` and `/docs`. */
import { Problem } from "@jetscribe/schema";
import { STATUS_CODES } from "node:http";
import * as z from "zod";
import type { ApiErrorCode } from "../apiError.ts";
import {
  exampleOf,
  firstProblemOf,
  problemKind,
  problemTypes,
  type StatusOf,
} from "../calls/problem.ts";

/** Of every route behind a key. */
export const security = [{ apiKey: [] }, { bearer: [] }];
/** Of every route that takes a read token too. */
export const readSecurity = [...security, { readToken: [] }];

export type Headers = Readonly<Record<string, string>>;

export interface Example {
  summary?: string;
  value: unknown;
}

/** An answer of a route: with what each of its headers says, and examples. */
export interface Answer<T extends z.ZodType = z.ZodType> {
  description: string;
  headers: Headers;
  content: Record<
    string,
    { schema: T; examples?: Readonly<Record<string, Example>> }
  >;
}

/** `example`: an answer that a running system gave. */
export const answer = <T extends z.ZodType>(
  schema: T,
  description: string,
  {
    type = "application/json",
    headers = {},
    example,
  }: { type?: string; headers?: Headers; example?: unknown } = {},
): Answer<T> => ({
  description,
  headers,
  content: {
    [type]: {
      schema,
      ...(example !== undefined && {
        examples: { example: { value: example } },
      }),
    },
  },
});

/** Two answers of one status, of different content types; the first one's description. */
export const either = <T extends z.ZodType, Other extends z.ZodType>(
  one: Answer<T>,
  other: Answer<Other>,
): Answer<T | Other> => ({
  description: one.description,
  headers: { ...one.headers, ...other.headers },
  content: { ...one.content, ...other.content },
});

/** What any call may be answered: it is no valid request, or the gateway is stopping. */
const ofAnyCall = ["invalid_request", "unavailable"] as const;
type OfAnyCall = (typeof ofAnyCall)[number];

/** Of calls that make tasks, besides `unavailable`. */
export const acceptProblems = [
  "queue_full",
  "log_full",
  "maybe_accepted",
] as const;

/** The problems of a route, by code; a status stands for the first one that has it. Those of any call are among them. */
export function problems<const What extends (ApiErrorCode | number)[]>(
  ...what: What
) {
  const codes = what.map((one): ApiErrorCode =>
    typeof one === "number" ? firstProblemOf(one) : one,
  );
  const all = new Set<ApiErrorCode>([...ofAnyCall, ...codes]);
  const byStatus = Map.groupBy(all, (code) => problemKind(code).status);
  return Object.fromEntries([
    ...[...byStatus].map(([status, same]) => [status, problem(status, same)]),
    ["default", problem()],
  ]) as Record<
    StatusOf<What[number] | OfAnyCall> | "default",
    Answer<typeof KnownProblem>
  >;
}

const KnownProblem = Problem.extend({ type: z.enum(problemTypes) }).meta({
  id: "Problem",
});

function problem(
  status?: number,
  codes: readonly ApiErrorCode[] = [],
): Answer<typeof KnownProblem> {
  const examples = codes.map((code) => [
    code,
    { summary: problemKind(code).title, value: exampleOf(code) },
  ]);
  return {
    description: STATUS_CODES[status ?? 0] ?? "Any other refusal",
    headers: { ...link, ...problemHeaders[status ?? 405] },
    content: {
      "application/problem+json": {
        schema: KnownProblem,
        examples:
          codes.length > 0
            ? (Object.fromEntries(examples) as Record<string, Example>)
            : { example: { value: bareProblem } },
      },
    },
  };
}

/** Of a refusal by the server itself. */
const bareProblem = {
  type: "about:blank",
  title: "Request Header Fields Too Large",
  status: 431,
  detail: "the headers are too large",
};

const link = { Link: 'The page about this problem, as `rel="help"`.' };
export const retryAfter = {
  "Retry-After": "The same call may work after so many seconds.",
};
const problemHeaders: Readonly<Record<number, Headers>> = {
  401: { "WWW-Authenticate": "Bearer" },
  405: { Allow: "Of a 405: the methods that the path takes." },
  429: retryAfter,
  503: retryAfter,
};
