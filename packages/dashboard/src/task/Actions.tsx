import type { AcceptedResponse } from "@jetscribe/schema";
import { useSignal } from "@preact/signals";
import { messageOf } from "../api/call.ts";
import { gatewayUrl } from "../api/gatewayUrl.ts";
import { isReadOnly } from "../api/link.ts";
import type { Session } from "../api/session.ts";
import { copyText } from "../parts/copyText.ts";
import { go, hrefOf } from "../route.ts";
import { isOpen } from "../taskStatus.ts";
import { curlOf } from "./curlOf.ts";
import type { OpenTask } from "./openTask.ts";

interface Props {
  task: OpenTask;
  session: Session;
}

export function Actions({ task, session: { call } }: Props) {
  const said = useSignal("");
  const busy = useSignal(false);
  const status = task.page.value?.status ?? "queued";
  const { value: request } = task.request;
  async function act(work: () => Promise<string>): Promise<void> {
    busy.value = true;
    try {
      said.value = await work();
    } catch (error) {
      said.value = messageOf(error);
    }
    busy.value = false;
  }
  const cancel = async () => {
    await call(`/cancel/${task.id}`, { method: "POST" });
    return "Cancelled.";
  };
  const retry = async () => {
    const path = `/tasks/${task.id}/retry`;
    const { task_id } = await call<AcceptedResponse>(path, { body: {} });
    go(hrefOf("tasks", { id: task_id }));
    return "";
  };
  const copy = async () => {
    const text = request && curlOf(gatewayUrl, request.data);
    if (text === undefined) return "The prompt is not to be had.";
    await copyText(text);
    return "Copied: the key is to be set as $KEY.";
  };
  return (
    <div class="actions">
      <span class="note" role="status">
        {said.value}
      </span>
      {isReadOnly.value ? null : isOpen(status) ? (
        <button
          type="button"
          class="danger"
          disabled={busy.value}
          onClick={() => void act(cancel)}
        >
          Cancel
        </button>
      ) : (
        <button
          type="button"
          disabled={busy.value}
          onClick={() => void act(retry)}
        >
          Retry
        </button>
      )}
      <button
        type="button"
        disabled={!request || curlOf(gatewayUrl, request.data) === undefined}
        onClick={() => void act(copy)}
      >
        Copy as curl
      </button>
    </div>
  );
}
