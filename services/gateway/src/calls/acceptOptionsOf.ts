/** What a call that makes a task says of it in its headers. */
import { isTraceparent } from "@jetscribe/schema";
import * as z from "zod";
import type { TracedCall } from "../accept/traceCalls.ts";
import { ApiError } from "../apiError.ts";

export const IdempotencyKey = z
  .string()
  .regex(
    /^[\x20-\x7e]{1,255}$/,
    "expected 1 to 255 printable ASCII characters",
  );

/** To the millisecond; 100 days at most. */
export const CancelAfter = z
  .string()
  .regex(/^\d{1,7}(?:\.\d{1,3})?$/, "expected seconds, as 90 or 1.5")
  .refine((text) => {
    const seconds = Number(text);
    return seconds > 0 && seconds <= 8_640_000;
  }, "expected more than 0 and at most 8640000 seconds");

interface MakingCall {
  /** By `performance.now()`. */
  arrivedAt: number;
  traced?: TracedCall | undefined;
  headers: {
    "idempotency-key"?: string | undefined;
    "cancel-after"?: string | undefined;
    traceparent?: string | undefined;
  };
}

/** What a call says about the task that it makes. Throws an ApiError where one of its headers makes no sense. */
export function acceptOptionsOf({ headers, arrivedAt, traced }: MakingCall) {
  const trace = headers.traceparent ?? "";
  const key = headers["idempotency-key"];
  const cancelAfter = headers["cancel-after"];
  return {
    arrivedAt,
    traced,
    traceparent: isTraceparent(trace) ? trace : undefined,
    idempotencyKey: headerOf("Idempotency-Key", IdempotencyKey, key),
    cancelAfterMs:
      cancelAfter === undefined
        ? undefined
        : Math.round(
            1_000 * Number(headerOf("Cancel-After", CancelAfter, cancelAfter)),
          ),
  };
}

function headerOf(
  name: string,
  schema: z.ZodType<string>,
  header: string | undefined,
): string | undefined {
  if (header === undefined) return undefined;
  const { data, error } = schema.safeParse(header);
  if (error === undefined) return data;
  const message = error.issues[0]?.message ?? "";
  throw new ApiError("invalid_request", `${name}: ${message}`, {
    fields: [{ field: name, message }],
  });
}
