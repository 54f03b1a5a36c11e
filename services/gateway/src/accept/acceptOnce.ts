/**
 * `Idempotency-Key`: a call that comes again gets the task of the first one, for 24 h. The key is taken on the broker
 * right before the request is stored, so a request that is refused leaves no key. A new key costs one question, as the
 * broker refuses to take one that is taken; what stands behind that is read then. Where a gateway dies between the two,
 * the next call finds the key without a task, and stores the request under the task id that the key stands for.
 */
import {
  confirmIdempotencyKey,
  readIdempotencyKey,
  takeIdempotencyKey,
  type KeyRecord,
} from "@jetscribe/event-log/append/idempotencyKeys";
import type { Broker } from "@jetscribe/event-log/broker/connection";
import { elapsedMs } from "@jetscribe/event-log/broker/elapsed";
import {
  GenerateRequest,
  repeatForMs,
  type TaskState,
} from "@jetscribe/schema";
import { hash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { ApiError, unavailable } from "../apiError.ts";
import type { Accepted, AcceptRequest } from "./acceptRequest.ts";
import type { ApiKey } from "../keys/apiKeys.ts";
import type { TracedCall } from "./traceCalls.ts";

export interface AcceptOnceOptions {
  traceparent?: string | undefined;
  idempotencyKey?: string | undefined;
  /** The task that it repeats. */
  retryOf?: string | undefined;
  /** When the call came in, by `performance.now()`. */
  arrivedAt?: number | undefined;
  traced?: TracedCall | undefined;
  /** The total deadline of the call, as `cancel_after_ms`: of both the earlier one counts. */
  cancelAfterMs?: number | undefined;
}

/** `task`: as it was accepted; absent: an earlier call with the same idempotency key made it. */
export type AcceptOnce = (
  request: GenerateRequest,
  key: ApiKey,
  options: AcceptOnceOptions,
) => Promise<{ taskId: string; task?: TaskState }>;

/** A call that another one was faster than looks again so often, with a pause. */
const maxRounds = 20;
const lookAgainAfterMs = 50;

/** The function rejects with an ApiError. */
export function makeAcceptOnce(
  broker: Broker,
  acceptRequest: AcceptRequest,
  /** The task as the log has it now; undefined: this owner has no such task. Rejects with an ApiError. */
  readSurely: (taskId: string, owner: string) => Promise<TaskState | undefined>,
): AcceptOnce {
  async function acceptWithKey(
    request: GenerateRequest,
    key: ApiKey,
    idempotencyKey: string,
    { traceparent, retryOf, arrivedAt, traced }: AcceptOnceOptions,
  ): ReturnType<AcceptOnce> {
    const id = { owner: key.owner, key: idempotencyKey };
    const fingerprint = fingerprintOf(request, retryOf);
    const read = () => orUnavailable(readIdempotencyKey(broker, id));
    // Most keys are new, which taking them shows. A group's queue is changed before that, and by no call that comes again.
    let found = request.group === undefined ? undefined : await read();
    for (let round = 0; round < maxRounds; round++) {
      if (found && found.fingerprint !== fingerprint) throw reused();
      let storeUntil = elapsedMs() + repeatForMs;
      if (found && (await isStored(found))) return { taskId: found.task_id };
      let isAdmitted = false;
      let accepted: Accepted | undefined;
      try {
        accepted = await acceptRequest(request, key, {
          ...{ traceparent, retryOf, arrivedAt, traced },
          taskId: found?.task_id,
          async mayStore(task_id) {
            isAdmitted = true;
            if (!found) {
              storeUntil = elapsedMs() + repeatForMs;
              const record = { task_id, fingerprint };
              const taking = takeIdempotencyKey(broker, id, record);
              if (!(await orUnavailable(taking))) return false;
            }
            // A later one could come after another gateway's, when the broker has forgotten that one's message id.
            if (elapsedMs() > storeUntil)
              throw unavailable("the gateway stood still meanwhile");
            return true;
          },
        });
      } catch (error) {
        if (isAdmitted || found) throw error;
        // What is refused now may have been accepted before.
        found = await read();
        if (!found) throw error;
        continue;
      }
      if (accepted !== undefined) {
        const { taskId, task, duplicate } = accepted;
        confirmIdempotencyKey(broker, id, { task_id: taskId, fingerprint });
        // Another call may have found the key that this one took, and have stored the request first.
        return duplicate ? { taskId } : { taskId, task };
      }
      // An earlier call took the key, perhaps just now.
      found = await read();
      if (found?.stored !== true) await sleep(lookAgainAfterMs);
    }
    throw unavailable("other calls with this Idempotency-Key are under way");

    async function isStored(record: KeyRecord): Promise<boolean> {
      if (record.stored) return true;
      const task = await readSurely(record.task_id, key.owner);
      if (task === undefined) return false;
      confirmIdempotencyKey(broker, id, record);
      return true;
    }
  }

  // Most calls have no key: they pay for no more than a look whether there is one.
  return (asked, key, options) => {
    const request = withDeadline(asked, options.cancelAfterMs);
    const { idempotencyKey } = options;
    return idempotencyKey === undefined
      ? acceptRequest(request, key, options).then(surely)
      : acceptWithKey(request, key, idempotencyKey, options);
  };
}

function surely(accepted: Accepted | undefined): Accepted {
  if (accepted === undefined) throw new Error("nothing forbids to store");
  return accepted;
}

function withDeadline(
  request: GenerateRequest,
  cancelAfterMs: number | undefined,
): GenerateRequest {
  if (cancelAfterMs === undefined) return request;
  const { cancel_after_ms = Infinity } = request;
  return {
    ...request,
    cancel_after_ms: Math.min(cancel_after_ms, cancelAfterMs),
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

const defaults = new Map<string, unknown>(
  Object.entries(GenerateRequest.parse({ prompt: "any" })),
);
defaults.delete("prompt");

/**
 * The same for requests that say the same, in whatever order their fields came. Defaults don't count, or a version with
 * one more parameter would take each request for another one.
 */
function fingerprintOf(request: GenerateRequest, retryOf?: string): string {
  const fields = Object.entries<unknown>(
    retryOf === undefined ? request : { ...request, retry_of: retryOf },
  )
    .filter(([name, value]) => value !== defaults.get(name))
    .toSorted(([a], [b]) => (a < b ? -1 : 1));
  return hash("sha256", JSON.stringify(fields));
}
