/**
 * The calls of REST by request and reply on NATS: the same functions, limits and refusals. Whose call it is stands in its
 * subject alone, which the import of the caller's account fixes: decision 0053.
 */
import {
  maxHeaderBytes,
  nothing,
  type MicroAnswer,
  type MicroCall,
  type MicroEndpoint,
} from "@jetscribe/event-log/micro/microService";
import {
  apiCalls,
  CancelCall,
  parseApiSubject,
  ResultCall,
  statusHeader,
  type ApiCall,
  type Names,
  type Scope,
} from "@jetscribe/schema";
import type * as z from "zod";
import { Request } from "../accept/request.ts";
import { rateHeaders, rateLimited } from "../admission/requestRates.ts";
import { ApiError } from "../apiError.ts";
import type { Call } from "../calls/call.ts";
import { makeAnswerAccepted } from "../calls/answerAccepted.ts";
import { cancelById } from "../calls/cancelById.ts";
import { readResult } from "../calls/readResult.ts";
import { acceptOptionsOf } from "../http/accepted.ts";
import type { AppDeps } from "../http/appDeps.ts";
import type { BodyLimits } from "../http/bodiesInFlight.ts";
import { parseJson } from "../http/body.ts";
import { logFailure, problemOf } from "../http/problem.ts";
import { invalidRequest } from "../invalidRequest.ts";
import { makeCallsInHand } from "./callsInHand.ts";
import { keyFor, withoutKey, type OwnerKeys } from "./keyFor.ts";

type NatsApiDeps = Pick<
  AppDeps,
  | ("acceptOnce" | "readTask" | "waitForOutcome" | "cancelTask")
  | ("clock" | "rates" | "limits" | "log" | "calls")
> & { keys: OwnerKeys; names: Pick<Names, "subjects"> };

interface NatsApiOptions extends BodyLimits {
  publicPath: string;
}

/** What a call is answered with. A text is JSON already. */
interface Answer {
  status: number;
  headers?: Record<string, string>;
  body: string | object;
  /** The title of the problem; absent: the call was not refused. */
  refused?: string;
}

/** Rejects with an ApiError where the call is refused. */
type Take = (call: MicroCall & Call & { arrivedAt: number }) => Promise<Answer>;

export function makeNatsApi(
  deps: NatsApiDeps,
  options: NatsApiOptions,
): MicroEndpoint[] {
  const { keys, rates, names } = deps;
  const inHand = makeCallsInHand();
  const takes: Record<ApiCall, Taken> = {
    generate: {
      scope: "generate",
      description: "takes a prompt, as POST /generate",
      take: makeTakeGenerate(deps, options),
    },
    result: {
      scope: "read",
      description: "tells what came of a task, as GET /result",
      take: makeTakeResult(deps),
    },
    cancel: {
      scope: "cancel",
      description: "cancels a task, as POST /cancel",
      take: async (call) => {
        const { task_id } = bodyOf(CancelCall, call);
        return { status: 200, body: await cancelById(deps, call, task_id) };
      },
    },
  };

  /** `told`: headers that the answer has, whatever it is. */
  async function answer(
    call: MicroCall,
    { scope, take }: Taken,
    told: Record<string, string>,
  ): Promise<Answer> {
    const arrivedAt = performance.now();
    const { owner } = parseApiSubject(call.subject) ?? {};
    if (owner === undefined) throw new ApiError("not_found", "no such call");
    const key = keyFor(keys, owner, scope);
    keys.noteUse(key.id);
    using _place = inHand.take(owner);
    const use = await rates.take(key);
    if (use !== undefined) Object.assign(told, rateHeaders(use));
    if (use?.allowed === false) throw rateLimited(use);
    if (call.headerBytes > maxHeaderBytes) throw headersTooLarge();
    const answered = new AbortController();
    const over = () => keys.endOf(key, answered.signal) ?? answered.signal;
    try {
      return await take(Object.assign(call, { key, over, arrivedAt }));
    } finally {
      answered.abort();
    }
  }

  return apiCalls.map((name): MicroEndpoint => {
    const taken = takes[name];
    const count = deps.calls.of(name);
    return {
      name,
      subject: names.subjects.api(name, "*"),
      description: taken.description,
      async handle(call) {
        const told: Record<string, string> = {};
        const said = await answer(call, taken, told).catch((error: unknown) =>
          refusalOf(deps, error as Error, call),
        );
        count("NATS", said.status);
        return answerOf(said, told);
      },
    };
  });
}

interface Taken {
  /** What the owner's key needs for the call. */
  scope: Scope;
  description: string;
  take: Take;
}

function makeTakeGenerate(
  deps: NatsApiDeps,
  { bodyLimit, bodies, publicPath }: NatsApiOptions,
): Take {
  const answerAccepted = makeAnswerAccepted(deps, publicPath);
  return async (call) => {
    const { key, arrivedAt } = call;
    const options = acceptOptionsOf({
      ...{ arrivedAt, traced: undefined },
      headers: {
        "idempotency-key": call.header("Idempotency-Key"),
        "cancel-after": call.header("Cancel-After"),
        traceparent: call.header("traceparent"),
      },
    });
    const isNew = options.idempotencyKey === undefined;
    const refusal = isNew ? deps.limits.refusalOfAny(key) : undefined;
    if (refusal !== undefined) throw refusal;
    const bytes = call.body.length;
    if (bytes > bodyLimit) throw bodyTooLarge(bodyLimit);
    const leave = bodies.isCounted(bytes) ? bodies.take(bytes) : undefined;
    const made = await acceptBody(deps, call, options).finally(leave);
    const { headers, answer } = answerAccepted(call, made, call.header("Prefer")); // prettier-ignore
    return { headers, ...(await answer) };
  };
}

/** A request that is stored is held by nobody here while its call goes on to wait. */
async function acceptBody(
  { acceptOnce }: Pick<NatsApiDeps, "acceptOnce">,
  call: MicroCall & Call,
  options: Parameters<AppDeps["acceptOnce"]>[2],
) {
  const request = bodyOf(Request, call);
  return await acceptOnce(request, call.key, options);
}

function makeTakeResult(deps: NatsApiDeps): Take {
  return async (call) => {
    const { task_id: taskId, wait } = bodyOf(ResultCall, call);
    const wanted = { taskId, waitMs: wait * 1_000 };
    const { status, body } = await readResult(deps, call, wanted);
    if (deps.keys.hasEnded(call.key)) throw withoutKey();
    return { status, body };
  };
}

/** Throws an ApiError where it is not what the call takes. */
function bodyOf<S extends z.ZodType>(schema: S, call: MicroCall): z.infer<S> {
  const { buffer, byteOffset, length } = call.body;
  const value = parseJson(Buffer.from(buffer, byteOffset, length));
  call.body = nothing;
  const { data, error } = schema.safeParse(value, { reportInput: true });
  if (error !== undefined) throw invalidRequest(error);
  return data;
}

const headersTooLarge = () =>
  new ApiError("invalid_request", `the headers have over ${maxHeaderBytes} bytes`); // prettier-ignore

const bodyTooLarge = (value: number) =>
  new ApiError("too_large", `the body has over ${value} bytes`, {
    limit: { name: "BODY_LIMIT", value },
  });

function refusalOf(
  { log }: Pick<NatsApiDeps, "log">,
  failure: Error,
  { subject, header }: MicroCall,
): Answer {
  const problem = problemOf(failure);
  const { status, title } = problem;
  const { call: route } = parseApiSubject(subject) ?? {};
  logFailure(log, failure, status, { route, traceparent: header("traceparent") }); // prettier-ignore
  const facts = failure instanceof ApiError ? failure.facts : {};
  const { retryAfterS } = facts;
  return {
    status,
    body: problem,
    ...(retryAfterS !== undefined && { headers: { "Retry-After": String(retryAfterS) } }), // prettier-ignore
    refused: title,
  };
}

const answerOf = (
  { status, headers, body, refused }: Answer,
  told: Record<string, string>,
): MicroAnswer => ({
  headers: { [statusHeader]: String(status), ...told, ...headers },
  body: typeof body === "string" ? body : JSON.stringify(body),
  ...(refused !== undefined && { error: { code: status, text: refused } }),
});
