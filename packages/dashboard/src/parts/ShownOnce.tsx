import { useSignal } from "@preact/signals";
import { messageOf } from "../api/call.ts";
import { copyText } from "./copyText.ts";

/** What a dialog shows until it is closed, and nothing shows after that: to be copied. */
export function ShownOnce({
  text,
  name,
  wraps = false,
  onClose,
}: {
  text: string;
  /** What it is, for screen readers. */
  name: string;
  /** A long text is shown whole. */
  wraps?: boolean;
  onClose: () => void;
}) {
  const said = useSignal("");
  async function copy(): Promise<void> {
    said.value = await copyText(text).then(() => "Copied.", messageOf);
  }
  return (
    <>
      <pre class={wraps ? "body whole" : "body"} tabIndex={0} aria-label={name}>
        {text}
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
