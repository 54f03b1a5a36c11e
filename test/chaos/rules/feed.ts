/** Who listens to the live feed hears each outcome once at most, and only what stands in the log. */
import type { Evidence } from "../evidence.ts";
import type { HeardOutcome } from "../listenStored.ts";
import { kindOf, outcomeWords } from "../tasks.ts";

export function checkFeed({ log, heard }: Evidence): string[] {
  if (heard === undefined) return [];
  const { outcomes, since = Infinity } = heard;
  const bySeq = new Map(log.map((event) => [event.seq, event]));
  const strange = outcomes.filter(({ seq, word, taskId }) => {
    const event = bySeq.get(seq);
    return event?.word !== word || event.taskId !== taskId;
  });
  const known = new Set(outcomes.map(({ seq }) => seq));
  const missed = log.filter(
    ({ seq, word, time }) =>
      outcomeWords.includes(word) && time > since && !known.has(seq),
  );
  return [
    ...strange.map(({ taskId, word, seq }) => `${taskId}: a listener heard ${word} at ${seq}, where the log has another event`), // prettier-ignore
    ...heardAgain(outcomes),
    ...missed.map((event) => `${event.taskId}: no listener heard that it was ${kindOf(event)}`), // prettier-ignore
  ];
}

const heardAgain = (outcomes: readonly HeardOutcome[]): string[] =>
  [...Map.groupBy(outcomes, ({ taskId }) => taskId)].flatMap(
    ([id, { length }]) =>
      // prettier-ignore
      length > 1 ? [`${id}: a listener heard ${length} outcomes`] : [],
  );
