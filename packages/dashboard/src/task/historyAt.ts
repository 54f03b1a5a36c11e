import type {
  HistoryResponse,
  RecordedEvent,
  TaskState,
} from "@jetscribe/schema";
import { evolve } from "@jetscribe/schema/evolve";

/** Pure: a task's history as it was at a moment of the log, folded by `evolve`; without a moment as it is. */
export function historyAt<History extends HistoryResponse>(
  history: History,
  at: number | undefined,
): History {
  if (at === undefined) return history;
  const events = history.events.filter(({ seq }) => seq <= at);
  const state = (events as RecordedEvent[]).reduce<TaskState | undefined>(
    evolve,
    undefined,
  );
  return { ...history, events, status: state?.status ?? "queued" };
}
