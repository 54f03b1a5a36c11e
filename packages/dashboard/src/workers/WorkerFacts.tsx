import type { NowWorker } from "@jetscribe/schema";
import type { ComponentChildren } from "preact";
import { count, duration } from "../format.ts";
import { StateOf } from "../now/Workers.tsx";
import { nowS } from "../parts/clock.ts";

/** A worker that is heard. */
export function WorkerFacts({ worker }: { worker: NowWorker }) {
  const { error, warnings = [], threads } = worker;
  return (
    <article class="worker">
      <header>
        <h3 class="mono">{worker.worker_id}</h3>
        <span>{worker.model}</span>
        <StateOf worker={worker} />
      </header>
      {error && (
        <p class="failed">
          {error.type}: {error.message}
        </p>
      )}
      {warnings.map((warning) => (
        <p key={warning} class="queued">
          {warning}
        </p>
      ))}
      <dl class="facts">
        {factsOf(worker).map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      {threads && <p class="note">Threads: {threads.because}.</p>}
    </article>
  );
}

function factsOf(worker: NowWorker): [string, ComponentChildren][] {
  const { engine, device, threads, started_at, engine_restarts } = worker;
  const { slots, running, tokens_per_second, speculation, heard_at } = worker;
  const ago = (s: number) => duration(Math.max(0, nowS.value - s));
  return [
    ["Engine", engine],
    ["Device", device ?? "not told"],
    ["Threads", threads ? `${threads.alone} for one answer, ${threads.together} for several, ${threads.prompts} for prompts` : "the engine's own choice"], // prettier-ignore
    ["Slots in use", `${count(running.length)} of ${count(slots)}`],
    ["Tokens/s", tokens_per_second.toFixed(1)],
    ["Runs for", started_at === undefined ? "not told" : ago(started_at)],
    ["Engine restarts", count(engine_restarts ?? 0)],
    ["Last heartbeat", heard_at === undefined ? "in time" : <span class="queued">late, {ago(heard_at)} ago</span>], // prettier-ignore
    ...(speculation && speculation.drafted_tokens > 0
      ? [["Guessed ahead", `${count(speculation.accepted_tokens)} of ${count(speculation.drafted_tokens)} tokens were right`] as [string, string]] // prettier-ignore
      : []),
  ];
}
