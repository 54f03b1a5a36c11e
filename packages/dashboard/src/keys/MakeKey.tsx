import type { CreatedKeyResponse } from "@jetscribe/schema";
import { useSignal } from "@preact/signals";
import type { Call } from "../api/call.ts";
import { ShownOnce } from "../parts/ShownOnce.tsx";
import { Dialog } from "../parts/Dialog.tsx";
import { ErrorNote } from "../parts/ErrorNote.tsx";
import { formOf } from "../parts/formOf.ts";
import { useStep } from "../parts/useStep.ts";
import { keyBody, scopeNames } from "./keyBody.ts";
import { KeyFields } from "./KeyFields.tsx";

interface Props {
  call: Call;
  /** `isMade`: there is a new key. */
  onClose: (isMade: boolean) => void;
}

/** The key stands in the dialog until it is closed, and nowhere after that. */
export function MakeKey({ call, onClose }: Props) {
  const made = useSignal<CreatedKeyResponse | undefined>(undefined);
  const { error, busy, run } = useStep();
  function make(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    const body = keyBody(formOf(event));
    return run(async () => {
      made.value = await call<CreatedKeyResponse>("/admin/keys", { body });
    });
  }
  return (
    <Dialog
      title={made.value ? "The new key" : "Make a key"}
      onClose={() => onClose(made.value !== undefined)}
    >
      {error.value && <ErrorNote text={error.value} />}
      {made.value ? (
        <NewKey made={made.value} onClose={() => onClose(true)} />
      ) : (
        <form class="key-form" onSubmit={(event) => void make(event)}>
          <label>
            Name <small>the owner of its tasks</small>
            <input name="name" required maxLength={64} autocomplete="off" />
          </label>
          <KeyFields
            scopes={scopeNames.filter((name) => name !== "admin")}
            otherwise="never"
          />
          <label>
            <input type="checkbox" name="rotate" />
            Another key of this name may exist: both see the same tasks
          </label>
          <div class="buttons">
            <button type="button" onClick={() => onClose(false)}>
              Leave
            </button>
            <button class="primary" disabled={busy.value}>
              Make
            </button>
          </div>
        </form>
      )}
    </Dialog>
  );
}

function NewKey({
  made,
  onClose,
}: {
  made: CreatedKeyResponse;
  onClose: () => void;
}) {
  return (
    <>
      <p>Nobody can read it again: copy it now.</p>
      <ShownOnce text={made.key} name="The new key" onClose={onClose} />
    </>
  );
}
