import type { OutcomeEvent, TaskEvent } from "./events.ts";
import { kinds } from "./kinds.ts";

/** Whether an event ends its task. */
export const isOutcome = <E extends TaskEvent>(
  event: E,
): event is E & OutcomeEvent => kinds[event.type].outcome;
