import { useSignal } from "@preact/signals";
import { messageOf } from "../api/call.ts";
import { signIn, signInError } from "../api/session.ts";

export function SignIn() {
  const key = useSignal("");
  const busy = useSignal(false);
  async function submit(event: Event): Promise<void> {
    event.preventDefault();
    busy.value = true;
    try {
      await signIn(key.value.trim());
    } catch (error) {
      signInError.value = messageOf(error);
    } finally {
      busy.value = false;
    }
  }
  const error = signInError.value;
  return (
    <form class="sign-in" onSubmit={(event) => void submit(event)}>
      <h1>Sign in</h1>
      <label for="key">API key</label>
      <input
        id="key"
        type="password"
        autocomplete="off"
        spellcheck={false}
        required
        autofocus
        aria-describedby="key-note"
        value={key.value}
        onInput={({ currentTarget }) => {
          key.value = currentTarget.value;
        }}
      />
      <p id="key-note" class="note">
        The key stays in this page's memory: a reload forgets it. On the machine
        that runs <code>npm start</code> it stands in <code>.data/api-key</code>
        .
      </p>
      {error && (
        <p class="error-note" role="alert">
          {error}
        </p>
      )}
      <button class="primary" disabled={busy.value || key.value.trim() === ""}>
        {busy.value ? "Signing in…" : "Sign in"}
      </button>
    </form>
  );
}
