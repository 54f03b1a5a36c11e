import type { ShownTextRead } from "@jetscribe/schema";
import { Time } from "../parts/Time.tsx";
import type { OpenTask } from "./openTask.ts";

/** Who read the texts of the task, the latest first. */
export function TextReads({ task }: { task: OpenTask }) {
  const { value: reads } = task.textReads;
  if (reads.length === 0) return null;
  return (
    <section class="reads">
      <h2>Who opened the texts</h2>
      <ul>
        {reads.toReversed().map((read, i) => (
          <li key={i}>
            {capital(read.parts.join(" and "))} opened by the key{" "}
            <b>{read.key_owner}</b> <span class="note">({read.key_id})</span>{" "}
            {whereOf(read)}, <Time s={read.time} />
          </li>
        ))}
      </ul>
    </section>
  );
}

const capital = (text: string): string =>
  text.slice(0, 1).toUpperCase() + text.slice(1);

const places: Readonly<Record<string, string>> = {
  dashboard: "in the dashboard",
  link: "by a read-only link",
};

const whereOf = ({ surface }: ShownTextRead): string =>
  places[surface] ?? `by ${surface}`;
