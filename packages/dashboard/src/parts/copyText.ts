/** Puts a text into the clipboard. A page without TLS has no `navigator.clipboard`, unless its host is this machine. */
export async function copyText(text: string): Promise<void> {
  // Of the types, not of every browser.
  const clipboard = navigator.clipboard as Clipboard | undefined;
  if (clipboard) return await clipboard.writeText(text);
  const copying = (event: ClipboardEvent) => {
    event.preventDefault();
    event.clipboardData?.setData("text/plain", text);
  };
  document.addEventListener("copy", copying);
  // Deprecated, and the only way there.
  const isDone = document.execCommand("copy");
  document.removeEventListener("copy", copying);
  if (!isDone) throw new Error("The browser lets this page copy nothing.");
}
