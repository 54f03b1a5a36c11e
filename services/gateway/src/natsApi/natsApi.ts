/**
 * The calls of REST by request and reply on NATS: the same functions, limits and refusals. Whose call it is stands in its
 * subject alone, which the import of the caller's account fixes: decision 0053.
 */
import {
  bytesOfAnswer,
  nothing,
  type MicroAnswer,
  type MicroCall,
  type MicroEndpoint,
} from "@jetscribe/event-log/micro/microService";
import type { BrokerClock } from "@jetscribe/event-log/broker/brokerClock";
import type { Broker } from "@jetscribe/event-log/broker/connection";
import type { Logger } from "@jetscribe/runtime";
import {
  apiCalls,
  CancelCall,
  parseApiSubject,
  ResultCall,
  statusHeader,
  type ApiCall,
  type Scope,
} from "@jetscribe/schema";
import type * as z from "zod";
import type { AcceptOnce } from "../accept/acceptOnce.ts";
import { Request } from "../accept/request.ts";
import type { Limits } from "../admission/limits.ts";
import type { BodyLimits } from "../admission/bodyRoom.ts";
import {
  rateHeaders,
  rateLimited,
  type RequestRates,
} from "../admission/requestRates.ts";
import { ApiError } from "../apiError.ts";
import type { Call } from "../calls/call.ts";
import { acceptOptionsOf } from "../calls/acceptOptionsOf.ts";
import { makeAnswerAccepted } from "../calls/answerAccepted.ts";
import { cancelById } from "../calls/cancelById.ts";
import { readResult } from "../calls/readResult.ts";
import { parseJson } from "../calls/parseJson.ts";
import { logFailure, problemOf } from "../calls/problem.ts";
import type { CancelTask } from "../cancel/cancelTask.ts";
import { invalidRequest } from "../invalidRequest.ts";
import type { CallCounts } from "../metrics/callCounts.ts";
import type { ReadTask } from "../read/readTask.ts";
import type { WaitForOutcome } from "../read/waitForOutcome.ts";
import { makeCallsInHand } from "./callsInHand.ts";
import { keyFor, withoutKey, type OwnerKeys } from "./keyFor.ts";

interface NatsApiDeps {
  acceptOnce: AcceptOnce;
  readTask: ReadTask;
  waitForOutcome: WaitForOutcome;
  cancelTask: CancelTask;
  clock: Pick<BrokerClock, "nowS">;
  rates: Pick<RequestRates, "take">;
  limits: Pick<Limits, "refusalOfAny">;
  calls: Pick<CallCounts, "of">;
  log: Logger;
  keys: OwnerKeys;
  broker: Pick<Broker, "subjects" | "maxPayload">;
}

interface NatsApiOptions extends BodyLimits {
  publicPath: string;
}

/** Of a call that names a task; it has an id and a number. */
const smallBody = 4_096;

/** What `generate` reads of a call's headers. */
const headerNames = ["Idempotency-Key", "Cancel-After", "Prefer", "traceparent"] as const; // prettier-ignore

/** What a call is answered with. A text is JSON already. */
interface Answer {
  status: number;
  headers?: Record<string, string>;
  body: string | object;
  /** The title of the problem; absent: the call was not refused. */
  refused?: string;
}

type Taking = MicroCall & Call & { arrivedAt: number; dropBody: () => void };

/** Rejects with an ApiError where the call is refused. */
type Take = (call: Taking) => Promise<Answer>;

export function makeNatsApi(
  deps: NatsApiDeps,
  options: NatsApiOptions,
): MicroEndpoint[] {
  const { keys, rates, broker } = deps;
  const { bodyLimit, bodies } = options;
  const inHand = makeCallsInHand();
  const takes: Record<ApiCall, Taken> = {
    generate: {
      scope: "generate",
      description: "takes a prompt, as POST /generate",
      admitBody: (bytes) => {
        if (bytes > bodyLimit) throw bodyTooLarge(bodyLimit, { name: "BODY_LIMIT", value: bodyLimit }); // prettier-ignore
        return bodies.take(bytes);
      },
      take: makeTakeGenerate(deps, options),
    },
    result: {
      scope: "read",
      description: "tells what came of a task, as GET /result",
      admitBody: admitSmall,
      take: makeTakeResult(deps),
    },
    cancel: {
      scope: "cancel",
      description: "cancels a task, as POST /cancel",
      admitBody: admitSmall,
      take: async (call) => {
        const { task_id } = bodyOf(CancelCall, call);
        return { status: 200, body: await cancelById(deps, call, task_id) };
      },
    },
  };

  /** Refuses, before anything is waited for, what need not stay in memory meanwhile. Throws an ApiError. */
  function admit(call: MicroCall, { scope, admitBody }: Taken) {
    const { owner } = parseApiSubject(call.subject) ?? {};
    if (owner === undefined) throw new ApiError("not_found", "no such call");
    const key = keyFor(keys, owner, scope);
    keys.noteUse(key.id);
    if (call.headerFault !== undefined)
      throw new ApiError("invalid_request", call.headerFault);
    using admitted = new DisposableStack();
    admitted.use(inHand.take(owner));
    const leave = admitBody(call.body.length);
    const dropBody = () => {
      call.body = nothing;
      leave();
    };
    admitted.defer(dropBody);
    return { key, dropBody, whole: admitted.move() };
  }

  async function answer(call: MicroCall, taken: Taken): Promise<Answer> {
    const arrivedAt = performance.now();
    let rate: Record<string, string> = {};
    try {
      const { key, dropBody, whole } = admit(call, taken);
      using _admitted = whole;
      const use = await rates.take(key);
      if (use !== undefined) rate = rateHeaders(use);
      if (use?.allowed === false) throw rateLimited(use);
      using answered = abortsAtEnd();
      const over = () => keys.endOf(key, answered.signal) ?? answered.signal;
      const taking = Object.assign(call, { key, over, arrivedAt, dropBody });
      const said = await taken.take(taking);
      return withHeaders(rate, said);
    } catch (error) {
      return withHeaders(rate, refusalOf(deps, error as Error, call));
    }
  }

  /** A refusal instead of an answer that no message holds. */
  function orTooLarge(answer: MicroAnswer, call: MicroCall): MicroAnswer {
    const [bytes, most] = [bytesOfAnswer(answer), broker.maxPayload];
    if (bytes <= most) return answer;
    return microAnswerOf(refusalOf(deps, answerTooLarge(bytes, most), call));
  }

  return apiCalls.map((name): MicroEndpoint => {
    const taken = takes[name];
    const count = deps.calls.of(name);
    return {
      name,
      subject: broker.subjects.api(name, "*"),
      description: taken.description,
      headers: headerNames,
      async handle(call) {
        const said = await answer(call, taken);
        const sent = orTooLarge(microAnswerOf(said), call);
        count("NATS", sent.error?.code ?? said.status);
        return sent;
      },
    };
  });
}

interface Taken {
  /** What the owner's key needs for the call. */
  scope: Scope;
  description: string;
  /** Throws an ApiError where a body of this size is not taken; gives what gives its room back, once. */
  admitBody: (bytes: number) => () => void;
  take: Take;
}

function makeTakeGenerate(
  deps: NatsApiDeps,
  { publicPath }: NatsApiOptions,
): Take {
  const answerAccepted = makeAnswerAccepted(deps, publicPath);
  return async (call) => {
    const { key, arrivedAt } = call;
    const options = acceptOptionsOf({
      arrivedAt,
      headers: {
        "idempotency-key": call.header("Idempotency-Key"),
        "cancel-after": call.header("Cancel-After"),
        traceparent: call.header("traceparent"),
      },
    });
    const isNew = options.idempotencyKey === undefined;
    const refusal = isNew ? deps.limits.refusalOfAny(key) : undefined;
    if (refusal !== undefined) throw refusal;
    const made = await acceptBody(deps, call, options).finally(call.dropBody);
    const { headers, answer } = answerAccepted(call, made, call.header("Prefer")); // prettier-ignore
    return { headers, ...(await answer) };
  };
}

/** A request that is stored is held by nobody here while its call goes on to wait. */
async function acceptBody(
  { acceptOnce }: Pick<NatsApiDeps, "acceptOnce">,
  call: MicroCall & Call,
  options: Parameters<AcceptOnce>[2],
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

const bodyTooLarge = (value: number, limit?: { name: string; value: number }) =>
  new ApiError("too_large", `the body has over ${value} bytes`, limit && { limit }); // prettier-ignore

/** It takes no room: so many at once are not much. */
function admitSmall(bytes: number): () => void {
  if (bytes > smallBody) throw bodyTooLarge(smallBody);
  return () => undefined;
}

const answerTooLarge = (bytes: number, most: number) =>
  new ApiError("too_large", `the answer has ${bytes} bytes; a message of the broker has ${most} at most: read it by REST`); // prettier-ignore

/** Its signal aborts when it is disposed of. */
function abortsAtEnd(): { signal: AbortSignal } & Disposable {
  const controller = new AbortController();
  return {
    signal: controller.signal,
    [Symbol.dispose]: () => controller.abort(),
  };
}

const withHeaders = (
  headers: Record<string, string>,
  said: Answer,
): Answer => ({
  ...said,
  headers: { ...headers, ...said.headers },
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

const microAnswerOf = ({
  status,
  headers,
  body,
  refused,
}: Answer): MicroAnswer => ({
  headers: { [statusHeader]: String(status), ...headers },
  body: typeof body === "string" ? body : JSON.stringify(body),
  ...(refused !== undefined && { error: { code: status, text: refused } }),
});
