import type { CreatedKeyResponse } from "@jetscribe/schema";
import { useSignal } from "@preact/signals";
import { messageOf, type Call } from "../api/call.ts";
import { copyText } from "../parts/copyText.ts";
import { Dialog } from "../parts/Dialog.tsx";
import { ErrorNote } from "../parts/ErrorNote.tsx";
import { keyBody, limitNames, scopeNames } from "./keyBody.ts";

interface Props {
  call: Call;
  /** `isMade`: there is a new key. */
  onClose: (isMade: boolean) => void;
}

const labels = {
  max_tasks: "Unfinished tasks",
  requests_per_minute: "Calls a minute",
  tokens_per_day: "Tokens a day",
};

/** The key stands in the dialog until it is closed, and nowhere after that. */
export function MakeKey({ call, onClose }: Props) {
  const made = useSignal<CreatedKeyResponse | undefined>(undefined);
  const error = useSignal<string | undefined>(undefined);
  const busy = useSignal(false);
  const form = (event: SubmitEvent) => new FormData(event.currentTarget as HTMLFormElement); // prettier-ignore
  async function make(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    const body = keyBody(form(event));
    busy.value = true;
    error.value = undefined;
    try {
      made.value = await call<CreatedKeyResponse>("/admin/keys", { body });
    } catch (problem) {
      error.value = messageOf(problem);
    }
    busy.value = false;
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
        <form class="make-key" onSubmit={(event) => void make(event)}>
          <label>
            Name <small>the owner of its tasks</small>
            <input name="name" required maxLength={64} autocomplete="off" />
          </label>
          <fieldset>
            <legend>Scopes</legend>
            {scopeNames.map((name) => (
              <label key={name}>
                <input
                  type="checkbox"
                  name={name}
                  defaultChecked={name !== "admin"}
                />
                {name}
              </label>
            ))}
          </fieldset>
          <fieldset class="limits">
            <legend>Limits</legend>
            {limitNames.map((name) => (
              <label key={name}>
                {labels[name]}
                <input
                  type="number"
                  name={name}
                  min={1}
                  placeholder="as the gateway's"
                />
              </label>
            ))}
            <label>
              Expires in days
              <input
                type="number"
                name="days"
                min={0.01}
                step="any"
                placeholder="never"
              />
            </label>
          </fieldset>
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
  const said = useSignal("");
  async function copy(): Promise<void> {
    said.value = await copyText(made.key).then(() => "Copied.", messageOf);
  }
  return (
    <>
      <p>Nobody can read it again: copy it now.</p>
      <pre class="body" tabIndex={0} aria-label="The new key">
        {made.key}
      </pre>
      <div class="buttons">
        <span class="note" role="status">
          {said.value}
        </span>
        <button type="button" onClick={() => void copy()}>
          Copy
        </button>
        <button type="button" class="primary" onClick={onClose}>
          Done
        </button>
      </div>
    </>
  );
}
