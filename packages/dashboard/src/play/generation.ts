/** One generation of the playground, from the call to its outcome. It goes on while another page is looked at. */
import type { GenerateBody, OutcomeResponse } from "@jetscribe/schema";
import { signal } from "@preact/signals";
import { messageOf } from "../api/call.ts";
import type { Session } from "../api/session.ts";

export interface Generation {
  taskId?: string;
  state: "sending" | "queued" | "processing" | "ended";
  text: string;
  /** Of the first piece of text, and of the last one, as `performance.now()` has them. */
  firstMs?: number;
  lastMs?: number;
  outcome?: OutcomeResponse;
  error?: string;
}

export const generation = signal<Generation | undefined>(undefined);

const patch = (change: Partial<Generation>): void => {
  if (generation.value) generation.value = { ...generation.value, ...change };
};

/** Of the generation before: nothing more is shown of it. */
let leaving = new AbortController();

export async function generate(
  { client, call }: Session,
  body: GenerateBody,
): Promise<void> {
  leaving.abort();
  leaving = new AbortController();
  const { signal } = leaving;
  generation.value = { state: "sending", text: "" };
  try {
    // Sent once: a refusal is for a person to read.
    const { task_id } = await call<{ task_id: string }>("/generate", { body });
    if (signal.aborted) return;
    patch({ taskId: task_id, state: "queued" });
    for await (const event of client.stream(task_id, { signal })) {
      if (event.type === "status")
        patch({ state: stateOf(event.status.status) });
      if (event.type === "reset") patch({ text: "" });
      if (event.type === "token") addText(event.text);
      if (event.type === "outcome")
        patch({ state: "ended", outcome: event.outcome });
    }
  } catch (error) {
    if (!signal.aborted) patch({ state: "ended", error: messageOf(error) });
  }
}

const stateOf = (status: string): Generation["state"] =>
  status === "queued" || status === "processing" ? status : "ended";

function addText(text: string): void {
  const lastMs = performance.now();
  const { value } = generation;
  const firstMs = value?.firstMs ?? lastMs;
  patch({ text: (value?.text ?? "") + text, firstMs, lastMs, state: "processing" }); // prettier-ignore
}
