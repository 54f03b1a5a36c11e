import { go, hrefOf, route } from "../route.ts";
import { eventTypes, type FilterField } from "./logFilter.ts";

const lanes = ["interactive", "batch"];

/** What the address says, to be changed. */
export function LogFilter() {
  const { query } = route.value;
  const said = (field: string) => query.get(field) ?? "";
  function change(field: FilterField, value: string): void {
    const next = new URLSearchParams(route.peek().query);
    if (value.trim() === "") next.delete(field);
    else next.set(field, value.trim());
    go(hrefOf("log", { query: next }));
  }
  const picker = (field: "type" | "lane", all: string, names: string[]) => (
    <label>
      <span class="note">{field === "type" ? "Event" : "Lane"}</span>
      <select
        value={said(field)}
        onChange={({ currentTarget }) => change(field, currentTarget.value)}
      >
        <option value="">{all}</option>
        {names.map((name) => (
          <option key={name}>{name}</option>
        ))}
      </select>
    </label>
  );
  const box = (field: "model" | "owner", name: string, hint: string) => (
    <label>
      <span class="note">{name}</span>
      <input
        type="text"
        spellcheck={false}
        autocomplete="off"
        placeholder={hint}
        value={said(field)}
        onChange={({ currentTarget }) => change(field, currentTarget.value)}
      />
    </label>
  );
  return (
    <div class="tools log-filter" role="search" aria-label="Events">
      {picker("type", "all", eventTypes)}
      {picker("lane", "both", lanes)}
      {box("model", "Model", "any")}
      {box("owner", "Owner", "the key's own; * for all")}
    </div>
  );
}
