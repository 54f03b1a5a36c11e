/** A call with an `Idempotency-Key`, as a careful client sends it: again, on any gateway, until it is surely answered. */
import type { Random } from "@jetscribe/testing";
import { setTimeout as sleep } from "node:timers/promises";
import { call, type Answer } from "./client.ts";
import type { Fleet } from "./fleet.ts";

type Gateway = Pick<Fleet, "url" | "key">;

interface Once {
  path: string;
  body: unknown;
  idempotencyKey: string;
}

const mostRounds = 8;
const pauseMs = 400;
/** After a sure answer it comes once more at some time within this, as from a client that did not get the answer. */
const lateMs = 2_500;

/** No answer, or one after which the same call is worth another try. */
export const isUnsure = ({ status }: Answer): boolean =>
  status === 0 || status === 503;

const send = (at: Gateway, { path, body, idempotencyKey }: Once) =>
  call(at, "POST", path, body, { "idempotency-key": idempotencyKey });

/** Every answer, in the order in which they came: some of the calls are sent twice at once. */
export async function sendOnce(
  at: Gateway,
  once: Once,
  random: Random,
): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (let round = 0; round < mostRounds; round++) {
    const count = random.chance(0.3) ? 2 : 1;
    const sent = Array.from({ length: count }, async () => {
      answers.push(await send(at, once));
    });
    await Promise.all(sent);
    if (answers.some((answer) => !isUnsure(answer))) break;
    await sleep(pauseMs);
  }
  return answers;
}

/** What comes of a key that has its task: sometimes the same call again, and sometimes another one. */
export async function sendLater(
  at: Gateway,
  once: Once,
  other: unknown,
  random: Random,
): Promise<{ repeats: Answer[]; others: Answer[] }> {
  const [repeats, others]: [Answer[], Answer[]] = [[], []];
  await sleep(random.int(0, lateMs));
  if (random.chance(0.4)) repeats.push(await send(at, once));
  if (random.chance(0.4)) others.push(await send(at, { ...once, body: other }));
  return { repeats, others };
}
