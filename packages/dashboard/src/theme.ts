/** Light, dark, or as the system is. The choice is kept in the browser: it is no secret. */
import { effect, signal } from "@preact/signals";

export const themes = ["system", "light", "dark"] as const;
export type Theme = (typeof themes)[number];

const place = "jetscribe.theme";

const stored = (): Theme => {
  try {
    const kept = localStorage.getItem(place);
    return themes.find((theme) => theme === kept) ?? "system";
  } catch {
    // A browser may refuse to keep anything.
    return "system";
  }
};

export const theme = signal<Theme>(stored());

effect(() => {
  document.documentElement.dataset["theme"] = theme.value;
  try {
    localStorage.setItem(place, theme.value);
  } catch {
    // As above.
  }
});
