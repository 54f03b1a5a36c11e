/** A call that is sent again makes no second task, and another call can't have its key. */
import { isUnsure } from "../sendOnce.ts";
import type { Evidence } from "../evidence.ts";
import type { Told } from "../told.ts";

export const checkIdempotency = ({ told }: Evidence): string[] =>
  told.flatMap((one) => [...checkRepeats(one), ...checkOthers(one)]);

/** That there is one in the log is said by the rules of outcomes: each call made one task at most. */
function checkRepeats({ number, repeats = [] }: Told): string[] {
  const accepted = repeats.filter(({ status }) => status === 202);
  const ids = new Set(accepted.map(({ body }) => body["task_id"]));
  const made = accepted.filter(({ replayed }) => replayed !== true);
  return [
    ...(ids.size > 1
      ? [`call ${number}: its Idempotency-Key got ${ids.size} tasks`]
      : []),
    ...(made.length > 1
      ? [`call ${number}: ${made.length} answers say that they made its task`]
      : []),
  ];
}

const checkOthers = ({ number, others = [] }: Told): string[] =>
  others
    .filter((answer) => !isUnsure(answer) && answer.status !== 422)
    .map(
      ({ status }) =>
        `call ${number}: another one with its Idempotency-Key got ${status}`,
    );
