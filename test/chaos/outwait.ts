/** Tasks wait behind others past their time, while nobody but the worker that comes to them can end them. */
import { setTimeout as sleep } from "node:timers/promises";
import { connectWitness, type Witnessed } from "./connectWitness.ts";
import type { Fault } from "./fault.ts";
import { msPerToken, settings, type Fleet } from "./fleet.ts";
import type { Load } from "./load.ts";

/** Two full engines, one after the other, so that those behind wait for over twice as long as one of these runs. */
const ahead = 2 * Number(settings.SLOTS);
const aheadTokens = 2_000 / msPerToken;
const behind = 6;
/** Longer than it takes on a busy machine. */
const patienceMs = 20_000;

export function outwait(fleet: Fleet, load: Pick<Load, "more">): Fault {
  const results = fleet.of("results");
  return {
    name: "outwait",
    target: results[0]?.name ?? "",
    async run() {
      for (const member of results) member.freeze();
      try {
        await waitInLine(fleet, load).catch(() => undefined); // The broker is away.
      } finally {
        for (const member of results) member.thaw();
      }
    },
  };
}

/** Resolves when the last one has been started or ended. */
async function waitInLine(
  fleet: Fleet,
  load: Pick<Load, "more">,
): Promise<void> {
  // The last model has one worker.
  const model = fleet.models.at(-1);
  using ends = await watchEnds(fleet);
  await load.more(ahead, aheadTokens, { body: { model } });
  const hurried = { model, start_timeout_ms: 1 };
  const waiting = await load.more(behind, 1, {
    kind: "hurried",
    body: hurried,
  });
  const ids = waiting.flatMap(({ taskId }) => taskId ?? []);
  for (const until = performance.now() + patienceMs; ; await sleep(100))
    if (ends.closed || ids.every(ends.has) || performance.now() > until) return;
}

/** Whether a task was started, or failed without a start; until the connection is lost. */
async function watchEnds(fleet: Witnessed) {
  const seen = new Set<string>();
  const broker = await connectWitness(fleet);
  for (const word of ["started", "failed"])
    broker.subscribe(`llm.events.${word}.>`, ({ body }) => {
      const { task_id } = JSON.parse(body.toString()) as { task_id: string };
      seen.add(task_id);
    });
  return {
    get closed() {
      return broker.closed;
    },
    has: (id: string) => seen.has(id),
    [Symbol.dispose]: () => broker[Symbol.dispose](),
  };
}
