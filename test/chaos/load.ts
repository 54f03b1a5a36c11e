/** Callers with a mixed load, at a steady pace; each keeps what it was told. */
import { setTimeout as sleep } from "node:timers/promises";
import { call, type Answer } from "./client.ts";
import { msPerToken, type Fleet } from "./fleet.ts";
import type { Random } from "./random.ts";
import { nextRequest, type Wanted } from "./requests.ts";
import { readStream, type StreamSeen } from "./readStream.ts";

/** One call, and everything that its caller saw of the task. */
export interface Told extends Wanted {
  answer: Answer;
  /** Of a 202. */
  taskId: string | undefined;
  cancels: Answer[];
  /** Answers of `GET /result` on the way. */
  results: Answer[];
  stream?: StreamSeen;
}

export interface Load {
  readonly told: readonly Told[];
  /** For so long, or until the signal aborts; resolves when every caller is done. */
  run(forMs: number, signal?: AbortSignal): Promise<void>;
  /** Posts so many short ones, one after the other; gives how many were accepted. */
  more(count: number): Promise<number>;
}

type Gateway = Pick<Fleet, "url" | "key">;

const racers = 12;
const raceMs = 80;

export function makeLoad(
  fleet: Fleet,
  random: Random,
  { perSecond, onTask }: { perSecond: number; onTask: (told: Told) => void },
): Load {
  const told: Told[] = [];
  const { key, url, urls = [url] } = fleet;
  /** A load balancer: any gateway, for each connection another one. */
  const balanced = (random: Random) => ({
    get url() {
      return random.pick(urls);
    },
    key,
  });

  async function post(at: Gateway, wanted: Wanted): Promise<Told> {
    const answer = await call(at, "POST", "/generate", wanted.body);
    const accepted = answer.status === 202;
    const taskId = accepted ? String(answer.body["task_id"]) : undefined;
    const one: Told = { ...wanted, answer, taskId, cancels: [], results: [] };
    told.push(one);
    return one;
  }

  async function caller(wanted: Wanted, random: Random): Promise<void> {
    const at = balanced(random.fork(0));
    const one = await post(at, wanted);
    const { taskId } = one;
    if (taskId === undefined) return;
    onTask(one);
    await follow(at, one, taskId, random);
  }

  async function follow(
    at: Gateway,
    one: Told,
    id: string,
    random: Random,
  ): Promise<void> {
    if (one.kind === "streamed") {
      one.stream = await readStream(at, id, random);
      return;
    }
    if (one.kind === "cancelled") await cancel(at, one, id, random);
    else if (random.chance(0.5)) return;
    const wait = random.pick([0, 2, 10]);
    one.results.push(await call(at, "GET", `/result/${id}?wait=${wait}`));
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

  let number = 0;
  return {
    told,
    async more(count) {
      let accepted = 0;
      for (let i = 0; i < count; i++) {
        const body = { prompt: `chaos ${++number} `, max_tokens: 1 };
        const wanted = { kind: "short" as const, number, body };
        const { taskId } = await post(fleet, wanted);
        if (taskId !== undefined) accepted++;
      }
      return accepted;
    },
    async run(forMs, signal) {
      const begin = performance.now();
      const callers: Promise<void>[] = [];
      while (performance.now() - begin < forMs && !signal?.aborted) {
        const due = ((performance.now() - begin) / 1_000) * perSecond;
        while (callers.length < due) {
          number++;
          const wanted = nextRequest(number, random);
          callers.push(caller(wanted, random.fork(number)));
        }
        await sleep(20);
      }
      await Promise.all(callers);
    },
  };
}
