import type { NowWorker } from "@jetscribe/schema";
import { count, duration, plural } from "../format.ts";
import { nowS } from "../parts/clock.ts";
import { taskHref } from "../route.ts";

/** Slots that are not in use are shown one by one up to this. */
const mostFree = 64;

/** Each worker with its slots: which task each one holds, and whether it reads or writes. */
export function Workers({ workers }: { workers: readonly NowWorker[] }) {
  return (
    <section>
      <h2>
        Workers
        <span class="legend note">
          <i class="slot reads" aria-hidden="true" /> reads its prompt
          <i class="slot writes" aria-hidden="true" /> writes
          <i class="slot free" aria-hidden="true" /> free
        </span>
      </h2>
      {workers.length === 0 && (
        <p class="note">
          No worker is heard. Tasks wait until one starts: it was not heard for
          6 s, or never.
        </p>
      )}
      {workers.map((worker) => (
        <Worker key={worker.worker_id} worker={worker} />
      ))}
    </section>
  );
}

function Worker({ worker }: { worker: NowWorker }) {
  const { running, slots, speculation } = worker;
  const free = Math.max(0, slots - running.length);
  return (
    <article class="worker">
      <header>
        <h3 class="mono">{worker.worker_id}</h3>
        <span>{worker.model}</span>
        <span class="note">
          {worker.engine}
          {worker.device && `, ${worker.device}`}
        </span>
        <StateOf worker={worker} />
        <span class="space" />
        <span class="num">
          {running.length}/{slots} slots
        </span>
        <span class="num speed">
          {worker.tokens_per_second.toFixed(1)} tokens/s
        </span>
      </header>
      {worker.error && (
        <p class="failed">
          {worker.error.type}: {worker.error.message}
        </p>
      )}
      {worker.warnings?.map((warning) => (
        <p key={warning} class="queued">
          {warning}
        </p>
      ))}
      <ul class="slots" aria-label="Slots">
        {running.map((slot, i) => (
          <Slot key={slot.task_id ?? i} slot={slot} />
        ))}
        {Array.from({ length: Math.min(free, mostFree) }, (_, i) => (
          <li key={`free ${i}`} class="slot free">
            <span class="hidden">free</span>
          </li>
        ))}
        {free > mostFree && (
          <li class="note">and {count(free - mostFree)} more free</li>
        )}
      </ul>
      {speculation && speculation.drafted_tokens > 0 && (
        <p class="note">
          Guessed ahead: {count(speculation.accepted_tokens)} of{" "}
          {count(speculation.drafted_tokens)} tokens were right.
        </p>
      )}
    </article>
  );
}

/** What keeps it from working; nothing where all is well. */
export function StateOf({ worker }: { worker: NowWorker }) {
  if (worker.error) return <span class="failed">can't load its model</span>;
  if (!worker.model_loaded) return <span class="queued">loads its model</span>;
  if (worker.live === false)
    return <span class="queued">has lately produced no token</span>;
  return null;
}

function Slot({ slot }: { slot: NowWorker["running"][number] }) {
  const { task_id, phase, tokens = 0, tokens_per_second, started_at } = slot;
  const does = phase === "prompt" ? "reads" : "writes";
  const forS =
    started_at === undefined ? 0 : Math.max(0, nowS.value - started_at);
  const text = (
    <>
      <span class="mono">
        {task_id ? `…${task_id.slice(-7)}` : "another's"}
      </span>
      <span class="does">{does}</span>
      <small>
        {phase === "prompt" ? `for ${duration(forS)}` : plural(tokens, "token")}
      </small>
      <small class="num">
        {phase === "text" && tokens_per_second !== undefined && (
          <>{tokens_per_second.toFixed(0)}/s</>
        )}
      </small>
    </>
  );
  return (
    <li class={`slot ${does}`}>
      {task_id === undefined ? (
        <span title="Another owner's task">{text}</span>
      ) : (
        <a href={taskHref(task_id, slot.owner)} title={titleOf(slot)}>
          {text}
        </a>
      )}
    </li>
  );
}

const titleOf = (slot: NowWorker["running"][number]): string =>
  [
    slot.task_id,
    slot.owner && `owner ${slot.owner}`,
    slot.lane,
    slot.attempt && `attempt ${slot.attempt}`,
  ]
    .filter(Boolean)
    .join(", ");
