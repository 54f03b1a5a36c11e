/**
 * `Idempotency-Key`: a call that comes again gets the task of the first one, for 24 h. The key is taken on the broker
 * right before the request is stored, so a refused request leaves no key. Where a gateway dies between the two, the next
 * call finds the key without a task, and stores the request under the task id that the key stands for.
 */
import {
  confirmIdempotencyKey,
  readIdempotencyKey,
  takeIdempotencyKey,
} from "@jetscribe/event-log/append/idempotencyKeys";
import type { Broker } from "@jetscribe/event-log/broker/connection";
import { elapsedMs } from "@jetscribe/event-log/broker/elapsed";
import {
  repeatForMs,
  type GenerateRequest,
  type TaskState,
} from "@jetscribe/schema";
import { hash } from "node:crypto";
import { ApiError, unavailable } from "../apiError.ts";

/** A call that came with a key. */
export interface KeyedCall {
  /** A slug. */
  owner: string;
  key: string;
  request: GenerateRequest;
}

/** The task that a key stands for. */
export interface KeyedTask {
  taskId: string;
  /** Its request is in the log. */
  stored: boolean;
  /**
   * The request may be stored until then, by `elapsedMs()`: a later one could come after another gateway's, when the
   * broker has forgotten that one's message id.
   */
  storeUntil: number;
}

export interface Idempotency {
  /** Undefined: the key stands for no task. Rejects with an ApiError, also where it came with another request. */
  find: (call: KeyedCall) => Promise<KeyedTask | undefined>;
  /** Undefined: another call took the key meanwhile. Rejects with an ApiError. */
  take: (call: KeyedCall, taskId: string) => Promise<KeyedTask | undefined>;
  /** The key's request is stored: calls that come again need not look for it. */
  stored: (call: KeyedCall, taskId: string) => void;
}

export function makeIdempotency(
  broker: Broker,
  readSurely: (taskId: string, owner: string) => Promise<TaskState | undefined>,
): Idempotency {
  const recordOf = ({ request }: KeyedCall, task_id: string) => ({
    task_id,
    fingerprint: fingerprintOf(request),
  });
  const storeUntil = () => elapsedMs() + repeatForMs;

  return {
    async find(call) {
      const found = await orUnavailable(readIdempotencyKey(broker, call));
      if (found === undefined) return undefined;
      if (found.fingerprint !== fingerprintOf(call.request)) throw reused();
      const keyed = { taskId: found.task_id, storeUntil: storeUntil() };
      const stored =
        found.stored === true ||
        (await readSurely(found.task_id, call.owner)) !== undefined;
      return { ...keyed, stored };
    },
    async take(call, taskId) {
      const keyed = { taskId, stored: false, storeUntil: storeUntil() };
      const taking = takeIdempotencyKey(broker, call, recordOf(call, taskId));
      return (await orUnavailable(taking)) ? keyed : undefined;
    },
    stored: (call, taskId) =>
      confirmIdempotencyKey(broker, call, recordOf(call, taskId)),
  };
}

const orUnavailable = <T>(asked: Promise<T>): Promise<T> =>
  asked.catch((error: unknown) => {
    throw unavailable("the idempotency keys can't be read or written", error);
  });

const reused = () =>
  new ApiError(
    "idempotency_key_reused",
    "this Idempotency-Key came with another request before: a new request needs a new key",
  );

/** The same for requests that say the same, in whatever order their fields came. */
const fingerprintOf = (request: GenerateRequest): string =>
  hash("sha256", JSON.stringify(request, inOrder));

const inOrder = (_name: string, value: unknown): unknown =>
  typeof value === "object" && value !== null && !Array.isArray(value)
    ? Object.fromEntries(
        Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)),
      )
    : value;
