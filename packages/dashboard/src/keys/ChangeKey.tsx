import type { KeyResponse } from "@jetscribe/schema";
import type { Call } from "../api/call.ts";
import { exactTime } from "../format.ts";
import { Dialog } from "../parts/Dialog.tsx";
import { ErrorNote } from "../parts/ErrorNote.tsx";
import { formOf } from "../parts/formOf.ts";
import { useStep } from "../parts/useStep.ts";
import { changeBody } from "./keyBody.ts";
import { KeyFields } from "./KeyFields.tsx";

interface Props {
  picked: KeyResponse;
  call: Call;
  /** `isDone`: it is changed. */
  onClose: (isDone: boolean) => void;
}

export function ChangeKey({ picked, call, onClose }: Props) {
  const { error, busy, run } = useStep();
  const { expires_at } = picked;
  function change(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    const body = changeBody(formOf(event), picked);
    const path = `/admin/keys/${encodeURIComponent(picked.id)}`;
    return run(async () => {
      await call(path, { method: "PATCH", body });
      onClose(true);
    });
  }
  return (
    <Dialog
      title={`Change a key of ${picked.name}`}
      onClose={() => onClose(false)}
    >
      {error.value && <ErrorNote text={error.value} />}
      <form class="key-form" onSubmit={(event) => void change(event)}>
        <p>
          <code>{picked.prefix}…</code>{" "}
          {expires_at === null
            ? "does not expire."
            : `expires ${exactTime(expires_at)}.`}
        </p>
        <KeyFields
          scopes={picked.scopes}
          limits={picked.limits}
          otherwise="as it is"
        >
          {expires_at !== null && (
            <label>
              <input type="checkbox" name="never" />
              Does not expire
            </label>
          )}
        </KeyFields>
        <div class="buttons">
          <button type="button" onClick={() => onClose(false)}>
            Leave
          </button>
          <button class="primary" disabled={busy.value}>
            Change
          </button>
        </div>
      </form>
    </Dialog>
  );
}
