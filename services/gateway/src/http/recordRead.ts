/** Which calls that show texts are recorded, before they are answered: decision 0047. */
import {
  isTraceparent,
  slugOf,
  Surface,
  traceIdOf,
  type TaskState,
  type TextPart,
} from "@jetscribe/schema";
import type { FastifyRequest } from "fastify";
import * as z from "zod";
import type { Audit } from "../audit/audit.ts";

/** The header of calls that show texts. */
export const SurfaceHeader = z.object({
  "jetscribe-surface": Surface.optional().meta({
    description:
      "A person reads the text there: who reads it is recorded before it is answered.",
  }),
});

/**
 * Resolves once the reading is recorded, or at once where it is none: the call of a program that reads the tasks of its
 * own owner, or one that shows no text. Rejects with an ApiError where it can't be recorded.
 */
export async function recordRead(
  { record }: Pick<Audit, "record">,
  { key, headers, method }: Pick<FastifyRequest, "key" | "headers" | "method">,
  task: TaskState,
  parts: TextPart[],
): Promise<void> {
  const { data } = Surface.safeParse(headers["jetscribe-surface"]);
  const isForeign = slugOf(task.owner) !== key.owner;
  /** Whoever has a link is somebody else than its key's programs. */
  const surface = key.link ? "link" : data;
  if (surface === undefined && !isForeign) return;
  if (parts.length === 0 || method === "HEAD") return;
  const { task_id, owner } = task;
  const { traceparent } = headers;
  const isTraced = typeof traceparent === "string" && isTraceparent(traceparent); // prettier-ignore
  await record({
    ...{ task_id, owner, key_id: key.id, key_owner: key.name },
    ...{ parts, surface: surface ?? "api" },
    trace_id: traceIdOf(isTraced ? { task_id, traceparent } : task),
  });
}
