import { connection } from "../api/followFeed.ts";

const texts = {
  live: "Live",
  connecting: "Connecting…",
  away: "Reconnecting…",
  refused: "Not connected",
};

/** Whether the page hears of what happens. */
export function Connection() {
  const state = connection.value;
  return (
    <span class={`connection ${state}`} role="status">
      <i aria-hidden="true" />
      {texts[state]}
    </span>
  );
}
