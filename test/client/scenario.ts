/**
 * What the client does for a person, told as data. It runs in Node, Deno, Bun and browsers: it imports nothing but the
 * client, and uses nothing that only some of them have.
 */
import { makeClient } from "../../packages/client/src/client.ts";

export interface Scenario {
  url: string;
  /** Of a key that may have two unfinished tasks. */
  apiKey: string;
}

export type Told = Awaited<ReturnType<typeof runScenario>>;

/** At 25 ms per token. */
const long = { max_tokens: 160, ignore_eos: true };
/** Until it is cancelled. */
const endless = { max_tokens: 4_000, ignore_eos: true };

export async function runScenario({ url, apiKey }: Scenario) {
  const client = makeClient({ url, apiKey });
  const metadata = { part: "100% of it" };

  const one = { prompt: "one", metadata, ...long };
  const { task_id } = await client.generate(one);
  let streamed = "";
  const tokenIds: string[] = [];
  for await (const event of client.stream(task_id)) {
    if (event.type === "reset") streamed = "";
    if (event.type !== "token") continue;
    streamed += event.text;
    tokenIds.push(event.id);
  }
  const outcome = await client.wait(task_id);

  const first = await client.generate({ prompt: "two", ...long });
  const second = await client.generate({ prompt: "three", ...long });
  // The key has no room for a third one: the gateway refuses it until one of the two has ended.
  const third = await client.generate({ prompt: "four", max_tokens: 2 });
  const others = [first, second, third];
  const statuses: string[] = [];
  for (const other of others)
    statuses.push((await client.wait(other.task_id)).status);

  const listed: string[] = [];
  for await (const task of client.tasks()) listed.push(task.task_id);
  const labelled: string[] = [];
  for await (const task of client.tasks({ metadata, status: ["completed"] }))
    labelled.push(task.task_id);

  const stopped = await client.generate({ prompt: "five", ...endless });
  await client.cancel(stopped.task_id);
  const cancelled = (await client.wait(stopped.task_id)).status;
  const again = await reasonOf(client.cancel(task_id));

  const left = await client.generate({ prompt: "six", ...endless });
  const controller = new AbortController();
  const { signal } = controller;
  const waiting = reasonOf(client.wait(left.task_id, { signal }));
  const reading = reasonOf(readAll(client.stream(left.task_id, { signal })));
  await client.status(left.task_id);
  controller.abort(new Error("enough"));
  const aborted = [await waiting, await reading];
  await client.cancel(left.task_id);
  const went = (await client.wait(left.task_id)).status;

  return {
    ...{ task_id, streamed, tokenIds, outcome, statuses, labelled },
    listed: { count: listed.length, first: listed[0] === third.task_id },
    ...{ cancelled, again, aborted, went },
  };
}

async function readAll(events: AsyncIterable<unknown>): Promise<void> {
  for await (const event of events) void event;
}

/** Why a promise was rejected; "" where it was not. */
async function reasonOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return "";
  } catch (error) {
    return (error as Error).message;
  }
}
