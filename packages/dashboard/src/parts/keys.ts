import { useEffect } from "preact/hooks";

/** Calls back when the key is pressed outside of what takes text. */
export function onKey(key: string, press: (event: KeyboardEvent) => void) {
  useEffect(() => {
    const heard = (event: KeyboardEvent) => {
      const { target, ctrlKey, metaKey, altKey } = event;
      if (event.key !== key || ctrlKey || metaKey || altKey) return;
      if (target instanceof HTMLElement && takesText(target)) return;
      event.preventDefault();
      press(event);
    };
    addEventListener("keydown", heard);
    return () => removeEventListener("keydown", heard);
  }, [key]);
}

const takesText = (target: HTMLElement): boolean =>
  target.matches("input, textarea, select, [contenteditable]") ||
  target.closest("dialog") !== null;
