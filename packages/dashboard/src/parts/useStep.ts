import { useSignal } from "@preact/signals";
import { messageOf } from "../api/call.ts";

/**
 * What a button of a dialog does: its state, and what went wrong the last time. `run` makes a rejection the error; the one
 * before is gone with the next try.
 */
export function useStep() {
  const error = useSignal<string | undefined>(undefined);
  const busy = useSignal(false);
  const run = async (step: () => Promise<void>): Promise<void> => {
    busy.value = true;
    error.value = undefined;
    try {
      await step();
    } catch (problem) {
      error.value = messageOf(problem);
    }
    busy.value = false;
  };
  return { error, busy, run };
}
