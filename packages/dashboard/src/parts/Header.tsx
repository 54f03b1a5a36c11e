import { useEffect, useRef } from "preact/hooks";
import { isReadOnly } from "../api/link.ts";
import { apiKey, signOut } from "../api/session.ts";
import { Share } from "../link/Share.tsx";
import { hrefOf, pages, pagesOfKeys, route } from "../route.ts";
import { theme, themes, type Theme } from "../theme.ts";
import { When } from "../past/When.tsx";

const names = {
  now: "Now",
  tasks: "Tasks",
  log: "Log",
  workers: "Workers",
  health: "Health",
  keys: "Keys",
  playground: "Playground",
} as const;

export function Header() {
  const { page } = route.value;
  const isIn = apiKey.value !== undefined;
  const links = useRef<HTMLElement>(null);
  // On a phone the links are wider than the screen.
  useEffect(() => {
    const open = links.current?.querySelector("[aria-current]");
    open?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }, [page, isIn]);
  const shown = pages.filter(
    (name) => !isReadOnly.value || !pagesOfKeys.has(name),
  );
  return (
    <header class="bar">
      <a class="brand" href={hrefOf("now")}>
        <svg viewBox="0 0 20 20" aria-hidden="true">
          <path d="M3 5h14M3 10h10M3 15h6" />
        </svg>
        Jetscribe
      </a>
      {isIn && (
        <nav aria-label="Pages" ref={links}>
          {shown.map((name) => (
            <a
              key={name}
              href={hrefOf(name)}
              aria-current={name === page ? "page" : undefined}
            >
              {names[name]}
            </a>
          ))}
        </nav>
      )}
      <span class="space" />
      {isIn && <When />}
      {isIn && !isReadOnly.value && <Share />}
      <label class="theme">
        <span class="hidden">Colours</span>
        <select
          value={theme.value}
          onChange={({ currentTarget }) => {
            theme.value = currentTarget.value as Theme;
          }}
        >
          {themes.map((name) => (
            <option key={name} value={name}>
              {name}
            </option>
          ))}
        </select>
      </label>
      {isIn && (
        <button type="button" class="quiet" onClick={signOut}>
          {isReadOnly.value ? "Leave" : "Sign out"}
        </button>
      )}
    </header>
  );
}
