import type { KeyResponse } from "@jetscribe/schema";
import type { Call } from "../api/call.ts";
import { Dialog } from "../parts/Dialog.tsx";
import { ErrorNote } from "../parts/ErrorNote.tsx";
import { useStep } from "../parts/useStep.ts";

interface Props {
  picked: KeyResponse;
  call: Call;
  /** `isDone`: it is revoked. */
  onClose: (isDone: boolean) => void;
}

export function RevokeKey({ picked, call, onClose }: Props) {
  const { error, busy, run } = useStep();
  const revoke = () =>
    run(async () => {
      const path = `/admin/keys/${encodeURIComponent(picked.id)}`;
      await call(path, { method: "DELETE" });
      onClose(true);
    });
  return (
    <Dialog
      title={`Revoke a key of ${picked.name}`}
      onClose={() => onClose(false)}
    >
      {error.value && <ErrorNote text={error.value} />}
      <p>
        <code>{picked.prefix}…</code> stops working on every gateway within a
        second, for ever. Its streams and waits end; its tasks go on.
      </p>
      <div class="buttons">
        <button type="button" onClick={() => onClose(false)}>
          Leave
        </button>
        <button
          type="button"
          class="danger"
          disabled={busy.value}
          onClick={() => void revoke()}
        >
          Revoke
        </button>
      </div>
    </Dialog>
  );
}
