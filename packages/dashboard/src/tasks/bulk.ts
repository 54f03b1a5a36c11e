/** Cancelling and running again all tasks that a filter shows: first counted, then done. */
import type { TasksActedOnResponse } from "@jetscribe/schema";
import type { Call } from "../api/call.ts";
import { isOpen } from "../taskStatus.ts";
import { everyOwner, serverFilter, type Filter } from "./filter.ts";

export type BulkAct = "cancel" | "retry";

/** Which of the states shown an act is for; undefined: none. */
export function bulkBody(act: BulkAct, filter: Filter): object | undefined {
  const { status: _, owner, ...rest } = serverFilter(filter);
  // A retry makes tasks of the caller's own.
  if (act === "retry" && owner !== undefined) return undefined;
  if (owner === everyOwner) return undefined;
  // Only ended tasks have errors.
  if (act === "cancel" && filter.error !== undefined) return undefined;
  const all = act === "cancel" ? openStates : endedStates;
  const shown = filter.status.length === 0 ? defaults[act] : filter.status;
  const status = all.filter((state) => shown.includes(state));
  if (status.length === 0) return undefined;
  return { ...rest, ...(owner !== undefined && { owner }), status };
}

const openStates = ["queued", "processing"] as const;
const endedStates = ["completed", "failed", "cancelled"] as const;
const defaults = { cancel: openStates, retry: ["failed"] } as const;

export const isFor = (act: BulkAct, status: Parameters<typeof isOpen>[0]) =>
  isOpen(status) === (act === "cancel");

/** How many tasks the act would meet. */
export async function countBulk(
  call: Call,
  act: BulkAct,
  body: object,
): Promise<number> {
  const answer = await call<TasksActedOnResponse>(`/tasks/${act}`, {
    body: { ...body, dry_run: true },
  });
  return answer.matched;
}

/** Does it, call after call; `onProgress` hears the results so far. */
export async function runBulk(
  call: Call,
  act: BulkAct,
  body: object,
  onProgress: (results: Readonly<Record<string, number>>) => void,
): Promise<void> {
  const results: Record<string, number> = {};
  let cursor: string | undefined;
  do {
    const answer: TasksActedOnResponse = await call(`/tasks/${act}`, {
      body: { ...body, ...(cursor && { cursor }) },
    });
    for (const [word, n] of Object.entries(answer.results))
      results[word] = (results[word] ?? 0) + n;
    onProgress({ ...results });
    cursor = answer.next_cursor;
  } while (cursor !== undefined);
}
