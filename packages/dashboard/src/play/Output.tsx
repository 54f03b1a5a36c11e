import { useSignal } from "@preact/signals";
import { messageOf } from "../api/call.ts";
import type { Session } from "../api/session.ts";
import { count, duration, plural } from "../format.ts";
import { ErrorNote } from "../parts/ErrorNote.tsx";
import { hrefOf } from "../route.ts";
import type { Generation } from "./generation.ts";

interface Props {
  shown: Generation;
  session: Session;
}

const states = {
  sending: "Sending…",
  queued: "Waiting for its start…",
  processing: "Running…",
  ended: "Ended.",
};

export function Output({ shown, session: { call } }: Props) {
  const { taskId, state, outcome, error } = shown;
  const refusal = useSignal<string | undefined>(undefined);
  const text = outcome?.status === "completed" ? outcome.result : shown.text;
  const cancel = () =>
    call(`/cancel/${taskId}`, { method: "POST" }).catch((problem: unknown) => {
      refusal.value = messageOf(problem);
    });
  const wrong =
    error ??
    refusal.value ??
    (outcome?.status === "failed"
      ? `${outcome.error_type}: ${outcome.error_message}`
      : undefined);
  return (
    <section class="output">
      <p class="line">
        <span role="status">
          {outcome ? `It is ${outcome.status}.` : states[state]}
        </span>
        <span class="note num">{speedOf(shown)}</span>
        <span class="space" />
        {taskId && <a href={hrefOf("tasks", { id: taskId })}>Its task</a>}
        {state !== "ended" && taskId && (
          <button type="button" class="danger" onClick={() => void cancel()}>
            Cancel
          </button>
        )}
      </p>
      {wrong !== undefined && <ErrorNote text={wrong} />}
      <pre class="text" tabIndex={0} aria-label="Text">
        {text}
      </pre>
    </section>
  );
}

/** While it runs nobody has counted its tokens: characters are told then. */
function speedOf({ outcome, text, firstMs, lastMs }: Generation): string {
  if (outcome) {
    const { completion_tokens, tokens_per_second, total_time } =
      outcome.metrics;
    return `${plural(completion_tokens, "token")}, ${tokens_per_second.toFixed(1)} tokens/s, ${duration(total_time)} in all`;
  }
  if (firstMs === undefined || lastMs === undefined) return "";
  const seconds = (lastMs - firstMs) / 1_000;
  const rate = seconds > 0.2 ? `, ${(text.length / seconds).toFixed(0)}/s` : "";
  return `${count(text.length)} characters${rate}`;
}
