/** Callers with a mixed load, at a steady pace; each keeps what it was told. */
import { setTimeout as sleep } from "node:timers/promises";
import { call, type Answer } from "./client.ts";
import type { Fleet } from "./fleet.ts";
import { follow } from "./follow.ts";
import type { Random } from "@jetscribe/testing";
import { postBatch, runAgain, sweep } from "./bulk.ts";
import { bulkRequests, nextRequest, onlyRequest, type Kind, type Mix, type Wanted } from "./requests.ts"; // prettier-ignore
import { sendLater, sendOnce } from "./sendOnce.ts";
import type { Told } from "./told.ts";

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
  more(count: number, tokens?: number, of?: More): Promise<Told[]>;
  /** Posts one with the key that an owner has now, on any gateway. */
  postAs(owner: string, tokens: number): Promise<Told>;
}

/** What they are; by default short ones, of the gateway's default model. */
interface More {
  kind?: Kind;
  /** Over that of a short one. */
  body?: Body;
}

type Gateway = Pick<Fleet, "url" | "key">;
type Body = Wanted["body"];

/** Of the calls: each makes several tasks. The second: where more of them are asked for. */
const bulkShares = [0.03, 0.3] as const;

export function makeLoad(
  fleet: Fleet,
  random: Random,
  {
    perSecond,
    more = [],
    webhookUrl,
    onTask,
  }: {
    perSecond: number;
    /** Kinds that come ten times as often. */
    more?: readonly Kind[];
    webhookUrl?: string | undefined;
    onTask: (told: Told) => void;
  },
): Load {
  const told: Told[] = [];
  const { key, owners, models, url, urls = [url] } = fleet;
  const bulkShare = bulkShares[more.includes("bulk") ? 1 : 0];
  const regulars = Object.keys(owners).filter((name) => name !== "once");
  /** A load balancer: any gateway, for each connection another one. */
  const balanced = (random: Random, owner = regulars[0] ?? "") => ({
    get url() {
      return random.pick(urls);
    },
    key: owners[owner] ?? key,
  });

  function note(
    wanted: Wanted & Pick<Told, "calm" | "retryOf">,
    answers: readonly Answer[],
  ): Told {
    const accepted = answers.find(({ status }) => status === 202);
    const answer = accepted ?? answers.at(-1);
    if (answer === undefined) throw new Error("a call has an answer");
    const taskId = accepted && String(accepted.body["task_id"]);
    const one: Told = { ...wanted, answer, taskId, cancels: [], results: [] };
    if (wanted.idempotencyKey !== undefined) one.repeats = [...answers];
    told.push(one);
    if (taskId !== undefined) onTask(one);
    return one;
  }

  async function caller(
    wanted: Wanted & Pick<Told, "calm">,
    random: Random,
  ): Promise<void> {
    const at = balanced(random.fork(0), wanted.owner);
    const { body, idempotencyKey } = wanted;
    const once = { path: "/generate", body, idempotencyKey };
    await callOnce(at, wanted, once, random);
  }

  /** A call for one task, and everything that its caller does then. */
  async function callOnce(
    at: Gateway,
    wanted: Wanted & Pick<Told, "calm" | "retryOf">,
    { path, body, idempotencyKey }: { path: string; body: Body; idempotencyKey: string | undefined }, // prettier-ignore
    random: Random,
  ): Promise<void> {
    if (idempotencyKey === undefined) {
      const one = note(wanted, [await call(at, "POST", path, body)]);
      return await attend(at, one, random);
    }
    const once = { path, body, idempotencyKey };
    const one = note(wanted, await sendOnce(at, once, random.fork(2)));
    await Promise.all([attend(at, one, random), sendAgain()]);

    async function sendAgain(): Promise<void> {
      if (one.taskId === undefined) return;
      const other = { ...body, prompt: `${String(body["prompt"])}other` };
      const more = await sendLater(at, once, other, random.fork(3));
      one.repeats?.push(...more.repeats);
      one.others = more.others;
    }
  }

  async function attend(at: Gateway, one: Told, random: Random): Promise<void> {
    const { taskId } = one;
    if (taskId === undefined) return;
    await Promise.all([
      follow(at, one, taskId, random),
      pry(one, taskId, random.fork(1)),
    ]);
    const ended = one.results.some(({ status }) => status === 200);
    const plain = one.kind === "short" || one.kind === "long";
    if (ended && plain && random.chance(0.2)) await retry(at, one, taskId, random); // prettier-ignore
  }

  /** The task again, with a prompt of its own, so that it is known which call made it. */
  async function retry(
    at: Gateway,
    { body, kind, owner, calm = false }: Told,
    retryOf: string,
    random: Random,
  ): Promise<void> {
    const changes = { prompt: `chaos ${++number} ` };
    const idempotencyKey = `retry ${retryOf}`;
    const wanted = {
      ...{ number, kind, retryOf, calm, idempotencyKey },
      ...(owner !== undefined && { owner }),
      body: { ...body, ...changes },
    };
    const path = `/tasks/${retryOf}/retry`;
    const once = { path, body: changes, idempotencyKey };
    await callOnce(at, wanted, once, random.fork(4));
  }

  /** Several tasks at once, which then are cancelled by what they have in common. */
  async function bulkCaller(
    wanted: readonly (Wanted & Pick<Told, "calm">)[],
    random: Random,
  ): Promise<void> {
    const [first] = wanted;
    if (first === undefined) return;
    const at = balanced(random.fork(0), first.owner);
    const answers = await postBatch(at, wanted, random);
    const all = wanted.map((one, i) => note(one, answers[i] ?? []));
    await sleep(random.int(0, 1_500));
    const swept = await sweep(at, first.body);
    for (const one of all) one.swept = swept;
    if (swept.doneAt === undefined || random.chance(0.5)) return;
    const ranAgain = await runAgain(at, first.body);
    for (const one of all) one.ranAgain = ranAgain;
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

  let number = 0;
  let onceCalled = false;
  return {
    told,
    async more(count, tokens = 1, { kind = "short", body: changes } = {}) {
      const accepted: Told[] = [];
      for (let i = 0; i < count; i++) {
        const prompt = `chaos ${++number} `;
        const body = { prompt, max_tokens: tokens, ...changes };
        const wanted = { kind, number, body };
        const answer = await call(fleet, "POST", "/generate", body);
        const one = note(wanted, [answer]);
        if (one.taskId !== undefined) accepted.push(one);
      }
      return accepted;
    },
    async postAs(owner, tokens) {
      const prompt = `chaos ${++number} ${"words ".repeat(number % 10)}`;
      const body = { prompt, max_tokens: tokens };
      const wanted = { kind: "tenant" as const, number, owner, body };
      const at = balanced(random.fork(number), owner);
      return note(wanted, [await call(at, "POST", "/generate", body)]);
    },
    async run(forMs, { signal, calm = false, without = [] } = {}) {
      const begin = performance.now();
      const callers: Promise<void>[] = [];
      const mix: Mix = { models, owners: regulars, more, without, webhookUrl };
      if (owners["once"] !== undefined && !onceCalled) {
        onceCalled = true;
        const only = { ...onlyRequest(++number, "once"), calm };
        callers.push(caller(only, random.fork(number)));
      }
      while (performance.now() - begin < forMs && !signal?.aborted) {
        const due = ((performance.now() - begin) / 1_000) * perSecond;
        while (callers.length < due) {
          number++;
          const own = random.fork(number);
          if (random.chance(bulkShare)) {
            const wanted = bulkRequests(number, random, mix);
            number += wanted.length;
            callers.push(bulkCaller(wanted.map((one) => ({ ...one, calm })), own)); // prettier-ignore
            continue;
          }
          const wanted = nextRequest(number, random, mix);
          callers.push(caller({ ...wanted, calm }, own));
        }
        await sleep(20);
      }
      await Promise.all(callers);
    },
  };
}
