/** The system under load: a whole one of its own on the fake engine, and what the measurements ask of it. */
import { startStack, type Stack, type StackOptions } from "@jetscribe/testing";
import { setTimeout as sleep } from "node:timers/promises";
import { openConnection } from "./connection.ts";
import { drive, type Driven } from "./drive.ts";
import { usageOf, type Usage } from "./processes.ts";

export type Part =
  "gateway" | "inference" | "results" | "logger" | "nats" | "redis";

export interface System extends AsyncDisposable {
  stack: Stack;
  port: number;
  post: string;
  /** Of each owner. */
  posts: string[];
  /** POST with `Prefer: wait`. */
  postAndWait: string;
  /** POST with more fields in the body, more header lines, each with its CRLF, or another key. */
  postOf: (fields?: object, head?: string, key?: string) => string;
  /** `GET` of a path. */
  get: (path: string) => string;
  usage: () => Record<Part, Usage>;
}

/** Tasks at once. */
const SLOTS = 16;
const WARM_UP_TASKS = 1_000;
/** 600 bytes. */
const PROMPT = "What is the capital of France? ".repeat(20).slice(0, 600);

/** Starts a system that has finished its first tasks, or, `busy`, one whose tasks take ten minutes, so that all stay queued. */
export async function startSystem({
  busy = false,
  owners = 1,
  warmUp = WARM_UP_TASKS,
  env = {},
  ...broker
}: {
  busy?: boolean;
  owners?: number;
  /** Tasks. */
  warmUp?: number;
  env?: Record<string, string>;
} & Pick<
  StackOptions,
  "natsVersion" | "durability" | "nodes" | "callers" | "accounts"
> = {}): Promise<System> {
  const keys = Array.from({ length: owners }, (_, i) => `owner-${i}`);
  const stack = await startStack({
    ...broker,
    env: {
      API_KEYS: keys.map((key) => `${key}:${key}`).join(),
      ENGINE: "fake",
      FAKE_MS: busy ? "600000" : "0",
      FAKE_TOKENS: "20",
      SLOTS: String(SLOTS),
      LOG_LEVEL: "info",
      ...env,
    },
  });
  const system = withRequests(stack, keys);
  if (!busy) {
    const { ids } = await submit(system, warmUp);
    await untilDone(system, ids);
  }
  return system;
}

function withRequests(stack: Stack, keys: readonly string[]): System {
  const { url, nats, redis } = stack;
  const headOf = (key: string) => `Host: 127.0.0.1\r\nX-API-Key: ${key}\r\n`;
  const [firstKey = ""] = keys;
  const head = headOf(firstKey);
  const postOf = (fields = {}, more = "", key = firstKey) => {
    const body = JSON.stringify({ prompt: PROMPT, max_tokens: 20, ...fields });
    const content = `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n`;
    return `POST /generate HTTP/1.1\r\n${headOf(key)}${content}${more}\r\n${body}`;
  };
  const posts = keys.map((key) => postOf({}, "", key));
  return {
    ...{ stack, posts, post: posts[0] ?? "", postOf },
    port: Number(new URL(url).port),
    postAndWait: postOf({}, "Prefer: wait=10\r\n"),
    get: (path) => `GET ${path} HTTP/1.1\r\n${head}\r\n`,
    usage: () =>
      usageOf({
        gateway: stack.pid("gateway"),
        inference: stack.pid("inference"),
        results: stack.pid("results"),
        logger: stack.pid("logger"),
        nats: nats.pid,
        redis: redis.pid,
      }),
    [Symbol.asyncDispose]: () => stack.stop(),
  };
}

/** Posts `count` tasks as fast as the connections allow; gives the ids in the order of their submission. */
export async function submit(
  { port, posts }: System,
  count: number,
): Promise<{ ids: string[]; driven: Driven }> {
  const ids: string[] = [];
  const driven = await drive({
    port,
    connections: 64,
    expect: 202,
    next: (i) => (i < count ? posts[i % posts.length] : undefined),
    onAnswer: ({ status, body }, i) => {
      if (status === 202) ids[i] = taskIdOf(body);
    },
  });
  return { ids: ids.filter(Boolean), driven };
}

/** Waits until each of the tasks has its result, looking every 20 ms with a few connections; fails after two minutes. */
export async function untilDone(
  { port, get }: System,
  ids: readonly string[],
): Promise<void> {
  const deadline = performance.now() + 120_000;
  const left = [...ids];
  async function follow() {
    const connection = openConnection(port);
    for (let id = left.shift(); id; id = left.shift()) {
      const request = get(`/result/${id}`);
      while ((await connection.send(request)).status !== 200) {
        if (performance.now() > deadline)
          throw new Error(`${id} has no result after two minutes`);
        await sleep(20);
      }
    }
    connection.close();
  }
  await Promise.all(Array.from({ length: 8 }, follow));
}

export const taskIdOf = (body: string): string =>
  (JSON.parse(body) as { task_id: string }).task_id;
