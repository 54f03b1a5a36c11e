import { useSignal } from "@preact/signals";
import { messageOf } from "../api/call.ts";
import { Dialog } from "../parts/Dialog.tsx";
import { ErrorNote } from "../parts/ErrorNote.tsx";
import { go, hrefOf, route } from "../route.ts";
import { changeViews, maxViews, savedViews, withView, type SavedView } from "./savedViews.ts"; // prettier-ignore

const hrefOfView = ({ query }: SavedView): string =>
  hrefOf("tasks", { query: new URLSearchParams(query) });

/** The saved filters, and a form that saves the present one. */
export function ViewsDialog({ onClose }: { onClose: () => void }) {
  const name = useSignal("");
  const error = useSignal<string | undefined>(undefined);
  const query = route.value.query.toString();
  function change(how: Parameters<typeof changeViews>[0]): void {
    error.value = undefined;
    try {
      changeViews(how);
    } catch (problem) {
      error.value = `This browser keeps no views: ${messageOf(problem)}`;
    }
  }
  function save(event: Event): void {
    event.preventDefault();
    const view = { name: name.value.trim(), query };
    let isKept = true;
    change((views) => {
      const next = withView(views, view);
      isKept = next !== undefined;
      return next ?? views;
    });
    if (isKept) name.value = "";
    else error.value = `${maxViews} views are kept: remove one of them first.`;
  }
  const remove = (view: SavedView) =>
    change((views) => views.filter((other) => other.name !== view.name));
  function open(event: Event, view: SavedView): void {
    event.preventDefault();
    go(hrefOfView(view));
    onClose();
  }
  return (
    <Dialog title="Saved views" onClose={onClose}>
      {error.value && <ErrorNote text={error.value} />}
      {savedViews.value.length === 0 ? (
        <p class="note">None yet. They are kept in this browser alone.</p>
      ) : (
        <ul class="views">
          {savedViews.value.map((view) => (
            <li key={view.name}>
              <a href={hrefOfView(view)} onClick={(event) => open(event, view)}>
                {view.name}
              </a>
              <button
                type="button"
                class="link"
                aria-label={`Remove ${view.name}`}
                onClick={() => remove(view)}
              >
                Remove
              </button>
            </li>
          ))}
        </ul>
      )}
      <form class="save-view" onSubmit={save}>
        <label>
          Name of the present filter
          <input
            required
            pattern=".*\S.*"
            maxLength={60}
            autocomplete="off"
            value={name.value}
            onInput={({ currentTarget }) => (name.value = currentTarget.value)}
          />
        </label>
        <div class="buttons">
          <button type="button" onClick={onClose}>
            Leave
          </button>
          <button
            class="primary"
            disabled={query === "" || name.value.trim() === ""}
          >
            Save
          </button>
        </div>
      </form>
    </Dialog>
  );
}
