/** What a caller does whose task was accepted: it reads, streams or cancels it, or asks no more. */
import type { Random } from "@jetscribe/testing";
import { setTimeout as sleep } from "node:timers/promises";
import { call } from "./client.ts";
import { msPerToken, type Fleet } from "./fleet.ts";
import type { Told } from "./told.ts";
import { readStream } from "./readStream.ts";

type Gateway = Pick<Fleet, "url" | "key">;

const racers = 12;
const raceMs = 80;

export async function follow(
  at: Gateway,
  one: Told,
  id: string,
  random: Random,
): Promise<void> {
  if (one.kind === "streamed") {
    one.stream = await readStream(at, id, random, one.calm);
    return;
  }
  if (one.kind === "cancelled") await cancel(at, one, id, random);
  else if (random.chance(0.5)) return;
  const waitS = random.pick([0, 2, 10]);
  const answer = await call(at, "GET", `/result/${id}?wait=${waitS}`);
  one.results.push({ ...answer, waitS });
}

/** At any time, or several times about when it would complete: which outcome is first? */
async function cancel(
  at: Gateway,
  one: Told,
  id: string,
  random: Random,
): Promise<void> {
  const post = () => call(at, "POST", `/cancel/${id}`);
  if (random.chance(0.5)) {
    await sleep(random.int(0, 1_500));
    one.cancels.push(await post());
    return;
  }
  await sleep(Number(one.body["max_tokens"]) * msPerToken - raceMs / 4);
  const racing = Array.from({ length: racers }, async (_, i) => {
    await sleep((i * raceMs) / racers);
    return await post();
  });
  one.cancels.push(...(await Promise.all(racing)));
}
