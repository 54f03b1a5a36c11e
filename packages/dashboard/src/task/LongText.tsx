/** A text of any length: the first pieces are in the page at once, and more as somebody scrolls. */
import { useSignal } from "@preact/signals";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { messageOf } from "../api/call.ts";
import { bytes } from "../format.ts";
import { copyText } from "../parts/copyText.ts";
import { cutText } from "./cutText.ts";

/** So many pieces are added each time that the end comes near. */
const step = 8;

export function LongText({ name, text }: { name: string; text: string }) {
  const pieces = useMemo(() => cutText(text), [text]);
  const shown = useSignal(step);
  const copied = useSignal("Copy");
  const box = useRef<HTMLDivElement>(null);
  const end = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const { current } = end;
    if (!current) return;
    const near = new IntersectionObserver(
      ([entry]) => {
        if (entry?.isIntersecting) shown.value += step;
      },
      { root: box.current, rootMargin: "600px" },
    );
    near.observe(current);
    return () => near.disconnect();
    // Observed anew after each step: what stays in view is not told again.
  }, [pieces, shown.value]);
  const copy = () =>
    copyText(text).then(
      () => (copied.value = "Copied"),
      (error: unknown) => (copied.value = messageOf(error)),
    );
  return (
    <div class="long-text">
      <div class="text" ref={box} tabIndex={0} role="region" aria-label={name}>
        {pieces.slice(0, shown.value).map((piece, i) => (
          <div key={i} class="piece">
            {piece}
          </div>
        ))}
        {shown.value < pieces.length && <div ref={end} class="end" />}
      </div>
      <p class="tools-below">
        <span class="note">{bytes(new Blob([text]).size)}</span>
        <button type="button" class="link" onClick={() => void copy()}>
          {copied.value}
        </button>
        <button type="button" class="link" onClick={() => save(name, text)}>
          Save
        </button>
      </p>
    </div>
  );
}

function save(name: string, text: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
  link.download = `${name}.txt`;
  link.click();
  URL.revokeObjectURL(link.href);
}
