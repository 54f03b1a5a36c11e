/** Callers with a mixed load, at a steady pace; each keeps what it was told. */
import { setTimeout as sleep } from "node:timers/promises";
import { call, type Answer } from "./client.ts";
import { msPerToken, type Fleet } from "./fleet.ts";
import type { Random } from "@jetscribe/testing";
import { nextRequest, onlyRequest, type Kind, type Wanted } from "./requests.ts"; // prettier-ignore
import { readStream, type StreamSeen } from "./readStream.ts";

/** One call, and everything that its caller saw of the task. */
export interface Told extends Wanted {
  answer: Answer;
  /** Of a 202. */
  taskId: string | undefined;
  cancels: Answer[];
  /** Answers of `GET /result` on the way. */
  results: (Answer & {
    /** The call was to wait for so long, in s. */
    waitS?: number;
  })[];
  stream?: StreamSeen;
  /** What other owners were told of the task. */
  strangers?: { path: string; answer: Answer }[];
  /** Nothing was done to the system while it was called and ran. */
  calm?: boolean;
  /** The broker's folder was put back to a copy without it. */
  lost?: boolean;
}

export interface Load {
  readonly told: readonly Told[];
  /** For so long, or until the signal aborts; resolves when every caller is done. */
  run(
    forMs: number,
    options?: {
      signal?: AbortSignal;
      /** Nothing is done to the system meanwhile. */
      calm?: boolean;
      /** Kinds that don't come. */
      without?: readonly Kind[];
    },
  ): Promise<void>;
  /** Posts so many of so many tokens, one after the other; gives those that were accepted. */
  more(count: number, tokens?: number): Promise<Told[]>;
}

type Gateway = Pick<Fleet, "url" | "key">;

const racers = 12;
const raceMs = 80;

export function makeLoad(
  fleet: Fleet,
  random: Random,
  {
    perSecond,
    more = [],
    onTask,
  }: {
    perSecond: number;
    /** Kinds that come ten times as often. */
    more?: readonly Kind[];
    onTask: (told: Told) => void;
  },
): Load {
  const told: Told[] = [];
  const { key, owners, models, url, urls = [url] } = fleet;
  const regulars = Object.keys(owners).filter((name) => name !== "once");
  /** A load balancer: any gateway, for each connection another one. */
  const balanced = (random: Random, owner = regulars[0] ?? "") => ({
    get url() {
      return random.pick(urls);
    },
    key: owners[owner] ?? key,
  });

  async function post(
    at: Gateway,
    wanted: Wanted & Pick<Told, "calm">,
  ): Promise<Told> {
    const answer = await call(at, "POST", "/generate", wanted.body);
    const accepted = answer.status === 202;
    const taskId = accepted ? String(answer.body["task_id"]) : undefined;
    const one: Told = { ...wanted, answer, taskId, cancels: [], results: [] };
    told.push(one);
    return one;
  }

  async function caller(
    wanted: Wanted & Pick<Told, "calm">,
    random: Random,
  ): Promise<void> {
    const at = balanced(random.fork(0), wanted.owner);
    const one = await post(at, wanted);
    const { taskId } = one;
    if (taskId === undefined) return;
    onTask(one);
    await Promise.all([
      follow(at, one, taskId, random),
      pry(one, taskId, random.fork(1)),
    ]);
  }

  /** Another owner tries to see or to end it. */
  async function pry(one: Told, id: string, random: Random): Promise<void> {
    const others = regulars.filter((name) => name !== one.owner);
    if (others.length === 0 || !random.chance(0.15)) return;
    await sleep(random.int(0, 500));
    const [method, path] = random.pick([
      ...[["GET", "result"], ["GET", "status"], ["GET", "stream"]], // prettier-ignore
      ["POST", "cancel"],
    ]) as ["GET" | "POST", string];
    const at = balanced(random, random.pick(others));
    const answer = await call(at, method, `/${path}/${id}`);
    one.strangers = [{ path, answer }];
  }

  async function follow(
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

  let number = 0;
  let onceCalled = false;
  return {
    told,
    async more(count, tokens = 1) {
      const accepted: Told[] = [];
      for (let i = 0; i < count; i++) {
        const prompt = `chaos ${++number} `;
        const body = { prompt, max_tokens: tokens };
        const wanted = { kind: "short" as const, number, body };
        const one = await post(fleet, wanted);
        if (one.taskId !== undefined) accepted.push(one);
      }
      return accepted;
    },
    async run(forMs, { signal, calm = false, without = [] } = {}) {
      const begin = performance.now();
      const callers: Promise<void>[] = [];
      const mix = { models, owners: regulars, more, without };
      if (owners["once"] !== undefined && !onceCalled) {
        onceCalled = true;
        const only = { ...onlyRequest(++number, "once"), calm };
        callers.push(caller(only, random.fork(number)));
      }
      while (performance.now() - begin < forMs && !signal?.aborted) {
        const due = ((performance.now() - begin) / 1_000) * perSecond;
        while (callers.length < due) {
          number++;
          const wanted = nextRequest(number, random, mix);
          callers.push(caller({ ...wanted, calm }, random.fork(number)));
        }
        await sleep(20);
      }
      await Promise.all(callers);
    },
  };
}
