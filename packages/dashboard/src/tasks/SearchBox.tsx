import { useSignal, useSignalEffect } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { go, hrefOf, route } from "../route.ts";
import { onKey } from "../parts/keys.ts";
import { goWith } from "./goWith.ts";

const taskId = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
/** What is typed becomes the filter when nobody has typed for so long. */
const pauseMs = 250;

const starts = ["user:", "model:", "owner:", "error:", "key=value"];

export function SearchBox() {
  const text = useSignal(route.value.query.get("q") ?? "");
  const box = useRef<HTMLInputElement>(null);
  const timer = useRef<number>(undefined);
  // Back and forward change the address.
  useSignalEffect(() => {
    const said = route.value.query.get("q") ?? "";
    if (document.activeElement !== box.current) text.value = said;
  });
  useEffect(() => () => clearTimeout(timer.current), []);
  onKey("/", () => box.current?.focus());
  function type(next: string): void {
    text.value = next;
    clearTimeout(timer.current);
    timer.current = setTimeout(search, pauseMs);
  }
  function search(): void {
    stopWaiting();
    goWith("q", text.value.trim());
  }
  function stopWaiting(): void {
    clearTimeout(timer.current);
    timer.current = undefined;
  }
  // Whoever goes on to a button means what stands in the box.
  function leave(): void {
    if (timer.current !== undefined) search();
  }
  function submit(event: Event): void {
    event.preventDefault();
    const id = text.value.trim();
    if (!taskId.test(id)) return search();
    stopWaiting();
    go(hrefOf("tasks", { id: id.toLowerCase() }));
  }
  /** It is searched for once its value is typed. */
  function begin(start: string): void {
    text.value = `${text.value.trimEnd()} ${start}`.trimStart();
    box.current?.focus();
  }
  return (
    <form class="search" role="search" onSubmit={submit}>
      <label class="hidden" for="search">
        Search tasks
      </label>
      <input
        id="search"
        ref={box}
        type="search"
        spellcheck={false}
        autocomplete="off"
        placeholder="Task id, or user:ada model:demo order=A-17"
        value={text.value}
        onInput={({ currentTarget }) => type(currentTarget.value)}
        onBlur={leave}
      />
      <div class="starts" role="group" aria-label="Add a filter">
        {starts.map((start) => (
          <button
            key={start}
            type="button"
            class="chip"
            onClick={() => begin(start === "key=value" ? "key=" : start)}
          >
            {start}
          </button>
        ))}
      </div>
    </form>
  );
}
