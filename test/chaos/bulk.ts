/** Many tasks by one call, and the end of all of them by another one, which names them by their metadata. */
import type { Random } from "@jetscribe/testing";
import { setTimeout as sleep } from "node:timers/promises";
import { call, type Answer } from "./client.ts";
import type { Fleet } from "./fleet.ts";
import type { Wanted } from "./requests.ts";
import { isUnsure, sendOnce } from "./sendOnce.ts";
import type { Sweep, Told } from "./told.ts";

type Gateway = Pick<Fleet, "url" | "key">;

type Body = Wanted["body"];

const mostRounds = 8;
const pauseMs = 400;

/** One batch, sent again until each of its requests is surely answered: the last answers to each of them. */
export async function postBatch(
  at: Gateway,
  wanted: readonly Wanted[],
  random: Random,
): Promise<Answer[][]> {
  const [first] = wanted;
  const once = {
    path: "/generate/batch",
    body: { requests: wanted.map(({ body }) => body) },
    idempotencyKey: `batch ${first?.number}`,
  };
  const answers: Answer[] = [];
  for (let round = 0; round < mostRounds; round++) {
    answers.push(...(await sendOnce(at, once, random)));
    if (answers.some(({ status }) => status === 202)) break;
    await sleep(pauseMs);
  }
  return wanted.map((_, i) => answers.map((answer) => itemOf(answer, i)));
}

/** The answer to one request of a batch, as if it had been called alone. */
function itemOf(answer: Answer, index: number): Answer {
  const { items = [] } = answer.body as { items?: Record<string, unknown>[] };
  const item = items[index];
  if (item === undefined) return answer;
  const problem = item["problem"] as Record<string, unknown> | undefined;
  const status = problem === undefined ? 202 : Number(problem["status"]);
  const { replayed, ...rest } = answer;
  void replayed;
  return {
    ...{ ...rest, status, body: problem ?? item },
    ...(item["replayed"] === true && { replayed: true }),
  };
}

/** Cancels every task of the batch that has no outcome yet. */
export async function sweep(at: Gateway, body: Body): Promise<Sweep> {
  const { counts, unsure, doneAt } = await throughAll(at, "/tasks/cancel", {
    metadata: body["metadata"],
  });
  return { cancelled: counts["cancelled"] ?? 0, unsure, doneAt };
}

/** Runs every task of the batch again that was cancelled; whether the calls came to their end. */
export async function runAgain(at: Gateway, body: Body): Promise<boolean> {
  const filter = { metadata: body["metadata"], status: ["cancelled"] };
  const headers = { "idempotency-key": JSON.stringify(filter) };
  const again = () => throughAll(at, "/tasks/retry", filter, headers);
  const { doneAt } = await again();
  // By the same key it does nothing more.
  await again();
  return doneAt !== undefined;
}

/** A call by filter, until it is through with all pages. */
async function throughAll(
  at: Gateway,
  path: string,
  filter: Body,
  headers?: Readonly<Record<string, string>>,
) {
  const counts: Record<string, number> = {};
  let unsure = false;
  let cursor: unknown;
  for (let round = 0; round < mostRounds; round++) {
    const body = { ...filter, ...(cursor !== undefined && { cursor }) };
    const answer = await call(at, "POST", path, body, headers);
    if (answer.status === 200) {
      const results = answer.body["results"] as Record<string, number>;
      for (const [word, count] of Object.entries(results))
        counts[word] = (counts[word] ?? 0) + count;
      cursor = answer.body["next_cursor"];
      if (cursor === undefined) return { counts, unsure, doneAt: answer.to };
    } else unsure ||= isUnsure(answer);
    await sleep(pauseMs);
  }
  return { counts, unsure, doneAt: undefined };
}

/** The tasks of a batch share what came of it. */
export const groupOf = ({ body }: Pick<Told, "body">): string | undefined =>
  (body["metadata"] as Record<string, string> | undefined)?.["bulk"];
