import { link } from "../api/link.ts";
import { Time } from "../parts/Time.tsx";

/** Of a page that was opened by a link: whose tasks it shows, and until when. */
export function LinkBar() {
  const { value } = link;
  if (value === undefined) return null;
  const { owner, all_owners, text, expires_at } = value;
  return (
    <section class="link-bar" aria-label="Read-only link">
      <span>
        <b>Read only:</b> the tasks of{" "}
        {all_owners ? "every owner, shared by " : ""}
        <b>{owner}</b>
      </span>
      <span>
        until <Time s={expires_at} />
      </span>
      <span>{textsSaid(text, all_owners, owner)}</span>
    </section>
  );
}

function textsSaid(text: boolean, allOwners: boolean, owner: string): string {
  if (!text) return "without prompts and texts";
  return allOwners ? `with the texts of ${owner} alone` : "with their texts";
}

/** In the place of a page that is for keys. */
export const NotByLink = () => (
  <div class="empty">
    <p>This page is not part of a read-only link.</p>
    <p>Whoever signs in with a key can use it.</p>
  </div>
);
