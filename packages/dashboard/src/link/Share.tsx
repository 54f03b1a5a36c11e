/** Makes a link by which others see what this key may read, on the page that is open. */
import type { LinkResponse } from "@jetscribe/schema";
import { useSignal } from "@preact/signals";
import type { Call } from "../api/call.ts";
import { gatewayUrl } from "../api/gatewayUrl.ts";
import { session } from "../api/session.ts";
import { ShownOnce } from "../parts/ShownOnce.tsx";
import { Dialog } from "../parts/Dialog.tsx";
import { ErrorNote } from "../parts/ErrorNote.tsx";
import { formOf } from "../parts/formOf.ts";
import { Time } from "../parts/Time.tsx";
import { useStep } from "../parts/useStep.ts";

/** In seconds. */
const terms = [
  [3_600, "an hour"],
  [28_800, "8 hours"],
  [86_400, "a day"],
  [604_800, "a week"],
] as const;

export function Share() {
  const isOpen = useSignal(false);
  const { call } = session.value ?? {};
  return (
    <>
      <button type="button" class="quiet" onClick={() => (isOpen.value = true)}>
        Share…
      </button>
      {isOpen.value && call && (
        <ShareDialog call={call} onClose={() => (isOpen.value = false)} />
      )}
    </>
  );
}

interface Props {
  call: Call;
  onClose: () => void;
}

function ShareDialog({ call, onClose }: Props) {
  const made = useSignal<LinkResponse | undefined>(undefined);
  const { error, busy, run } = useStep();
  function make(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    const form = formOf(event);
    const body = {
      expires_in: Number(form.get("expires_in")),
      text: form.has("text"),
      all_owners: form.has("all_owners"),
    };
    return run(async () => {
      made.value = await call<LinkResponse>("/dashboard/links", { body });
    });
  }
  return (
    <Dialog title="Share a read-only link" onClose={onClose}>
      {error.value && <ErrorNote text={error.value} />}
      {made.value ? (
        <Made made={made.value} onClose={onClose} />
      ) : (
        <form class="share" onSubmit={(event) => void make(event)}>
          <p class="note">
            Whoever has the link sees this page and what the other pages show of
            your tasks, and can change nothing.
          </p>
          <label>
            It works for{" "}
            <select name="expires_in">
              {terms.map(([seconds, name]) => (
                <option
                  key={seconds}
                  value={seconds}
                  selected={seconds === 86_400}
                >
                  {name}
                </option>
              ))}
            </select>
          </label>
          <label>
            <input type="checkbox" name="text" />
            with prompts and texts
          </label>
          <label>
            <input type="checkbox" name="all_owners" />
            with the tasks of every owner (needs the scope <code>admin</code>)
          </label>
          <div class="buttons">
            <button type="button" onClick={onClose}>
              Leave
            </button>
            <button class="primary" disabled={busy.value}>
              Make the link
            </button>
          </div>
        </form>
      )}
    </Dialog>
  );
}

/** The link stands in the dialog until it is closed, and nowhere after that. */
function Made({
  made: { token, expires_at },
  onClose,
}: {
  made: LinkResponse;
  onClose: () => void;
}) {
  const url = `${gatewayUrl}/dashboard/#link=${token}${location.hash.slice(1)}`;
  return (
    <>
      <p>
        It works until <Time s={expires_at} />, and ends earlier only with your
        key.
      </p>
      <ShownOnce text={url} name="The link" wraps onClose={onClose} />
    </>
  );
}
