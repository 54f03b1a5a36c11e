/**
 * `Idempotency-Key`: a call that comes again gets the task of the first one, for 24 h. The key is taken on the broker
 * right before the request is stored, so a request that is refused leaves no key. Where a gateway dies between the two,
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
import type { AcceptRequest } from "./acceptRequest.ts";
import type { ApiKey } from "./apiKeys.ts";

/** `task`: as it was accepted; absent: an earlier call with the same idempotency key made it. */
export type AcceptOnce = (
  request: GenerateRequest,
  key: ApiKey,
  options: {
    traceparent?: string | undefined;
    idempotencyKey?: string | undefined;
  },
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
  return async (request, key, { traceparent, idempotencyKey }) => {
    if (idempotencyKey === undefined) {
      const accepted = await acceptRequest(request, key, { traceparent });
      if (accepted === undefined) throw new Error("nothing forbids to store");
      return { taskId: accepted.task.task_id, task: accepted.task };
    }
    const id = { owner: key.owner, key: idempotencyKey };
    const fingerprint = fingerprintOf(request);
    for (let round = 0; round < maxRounds; round++) {
      const found = await orUnavailable(readIdempotencyKey(broker, id));
      if (found && found.fingerprint !== fingerprint) throw reused();
      let storeUntil = elapsedMs() + repeatForMs;
      if (found && (await isStored(found))) return { taskId: found.task_id };
      const accepted = await acceptRequest(request, key, {
        traceparent,
        taskId: found?.task_id,
        async mayStore(task_id) {
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
      if (accepted !== undefined) {
        const { task, duplicate } = accepted;
        const taskId = task.task_id;
        confirmIdempotencyKey(broker, id, { task_id: taskId, fingerprint });
        return found && duplicate ? { taskId } : { taskId, task };
      }
      // Another call took the key.
      await sleep(lookAgainAfterMs);
    }
    throw unavailable("other calls with this Idempotency-Key are under way");

    async function isStored(record: KeyRecord): Promise<boolean> {
      if (record.stored) return true;
      const task = await readSurely(record.task_id, key.owner);
      if (task === undefined) return false;
      confirmIdempotencyKey(broker, id, record);
      return true;
    }
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
function fingerprintOf(request: GenerateRequest): string {
  const fields = Object.entries(request)
    .filter(([name, value]) => value !== defaults.get(name))
    .toSorted(([a], [b]) => (a < b ? -1 : 1));
  return hash("sha256", JSON.stringify(fields));
}
