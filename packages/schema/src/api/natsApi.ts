/** The calls by request and reply on NATS. A body of `generate` is that of `POST /generate`. */
import * as z from "zod";
import type { ApiCall } from "../generate/kinds.ts";
import {
  AcceptedResponse,
  CancelledResponse,
  OutcomeResponse,
  PendingResponse,
  Problem,
  RequestFields,
} from "./generate.ts";

/** A call waits so long at most for an outcome, in seconds. */
export const maxWaitS = 300;

const task_id = z
  .string()
  .toLowerCase()
  .meta({ description: "Of the answer to `generate`." });

/** The body of `llm.api.<owner>.result`. */
export const ResultCall = z.strictObject({
  task_id,
  wait: z
    .number()
    .min(0)
    .max(maxWaitS)
    .default(0)
    .meta({ description: "Wait for the outcome, so many seconds at most." }),
});
export type ResultCall = z.infer<typeof ResultCall>;

/** The body of `llm.api.<owner>.cancel`. */
export const CancelCall = z.strictObject({ task_id });
export type CancelCall = z.infer<typeof CancelCall>;

/** Of an answer: the status that REST answers with. */
export const statusHeader = "Jetscribe-Status";

/** What is asked, and what is answered where it is not refused. */
const bodies: Record<ApiCall, { asked: z.ZodType; answered: z.ZodType }> = {
  generate: {
    asked: RequestFields,
    answered: z.union([AcceptedResponse, OutcomeResponse]),
  },
  result: {
    asked: ResultCall,
    answered: z.union([OutcomeResponse, PendingResponse]),
  },
  cancel: {
    asked: CancelCall,
    answered: CancelledResponse.pick({ status: true, task_id: true }),
  },
};

/** The JSON Schema (draft 7) of a call's body, or of its answer; `refused`: of the answer to any call that is refused. */
export function apiSchemaOf(
  call: ApiCall,
  which: "asked" | "answered" | "refused",
): object {
  const schema = which === "refused" ? Problem : bodies[call][which];
  const { $schema: _, ...written } = z.toJSONSchema(schema, {
    ...{ target: "draft-7", io: "input" },
  });
  return written;
}
