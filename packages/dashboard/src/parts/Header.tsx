import { apiKey, signOut } from "../api/session.ts";
import { hrefOf, pages, route } from "../route.ts";
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
  return (
    <header class="bar">
      <a class="brand" href={hrefOf("now")}>
        <svg viewBox="0 0 20 20" aria-hidden="true">
          <path d="M3 5h14M3 10h10M3 15h6" />
        </svg>
        Jetscribe
      </a>
      {isIn && (
        <nav aria-label="Pages">
          {pages.map((name) => (
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
          Sign out
        </button>
      )}
    </header>
  );
}
