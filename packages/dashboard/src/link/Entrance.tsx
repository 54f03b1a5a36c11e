import { linkState } from "../api/link.ts";
import { ErrorNote } from "../parts/ErrorNote.tsx";
import { SignIn } from "../parts/SignIn.tsx";

/** What stands where nobody is signed in: the form for a key, or what came of a link. */
export function Entrance() {
  const { value } = linkState;
  switch (value.state) {
    case "opening":
      return (
        <p class="empty" role="status">
          Opening the link…
        </p>
      );
    case "ended":
      return <Ended />;
    case "failed":
      return <ErrorNote text={value.why} onRetry={value.again} />;
    case "none":
    case "open":
      return <SignIn />;
  }
}

function Ended() {
  const signIn = () => {
    linkState.value = { state: "none" };
  };
  return (
    <section class="empty">
      <h1>This link has ended</h1>
      <p role="alert">
        Its time is over, its key works no more, or its address was not copied
        whole. Ask for another one where it came from.
      </p>
      <button type="button" onClick={signIn}>
        Sign in with a key
      </button>
    </section>
  );
}
