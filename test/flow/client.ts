/** What every test of the whole flow does with a running system. */
import { eventually, redisPrefix, type Stack } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { redisCommands } from "../chaos/wire/redis.ts";

export interface Running {
  url: string;
  key: string;
}

export interface Answer {
  status: number;
  headers: Headers;
  body: Record<string, unknown>;
}

/** One request; the body is read as JSON. */
export async function call(
  { url, key }: Running,
  path: string,
  init: RequestInit = {},
): Promise<Answer> {
  const response = await fetch(url + path, {
    ...init,
    headers: {
      "x-api-key": key,
      ...(init.body !== undefined && { "content-type": "application/json" }),
      ...(init.headers as Record<string, string> | undefined),
    },
  });
  const body = (await response.json()) as Record<string, unknown>;
  return { status: response.status, headers: response.headers, body };
}

/** Asks again where a 503 says to come back: the results service was not heard in time. */
export const untilServed = (running: Running, path: string): Promise<Answer> =>
  eventually(
    async () => {
      const answer = await call(running, path);
      return answer.status !== 503 && answer;
    },
    { everyMs: 2_000 },
  );

/** Posts a prompt; the answer has to be a 202. */
export async function post(
  running: Running,
  fields: Record<string, unknown> = {},
): Promise<string> {
  const { status, body } = await call(running, "/generate", {
    method: "POST",
    body: JSON.stringify({
      prompt: "Explain quantum computing",
      max_tokens: 24,
      temperature: 0,
      ...fields,
    }),
  });
  assert.equal(status, 202, JSON.stringify(body));
  return String(body["task_id"]);
}

export const postMany = (
  running: Running,
  count: number,
  fields?: Record<string, unknown>,
): Promise<string[]> =>
  Promise.all(Array.from({ length: count }, () => post(running, fields)));

/** The result of a task, waited for; it has to have an outcome in time. */
export async function outcome(
  running: Running,
  id: string,
): Promise<Record<string, unknown>> {
  return await eventually(async () => {
    const { status, body } = await call(running, `/result/${id}?wait=10`);
    assert.notEqual(status, 404, "never 404 after 202");
    return status === 200 && body;
  });
}

export const outcomes = (
  running: Running,
  ids: readonly string[],
): Promise<Record<string, unknown>[]> =>
  Promise.all(ids.map((id) => outcome(running, id)));

/** Waits until Redis has the completed tasks. Their outcomes may be told sooner, from the log. */
export async function untilInRedis(
  { redis }: Pick<Stack, "redis">,
  ids: readonly string[],
): Promise<void> {
  const keys = ids.map((id) => `${redisPrefix}task:${id}`);
  await eventually(async () => {
    const [stored] = await redisCommands(redis.port, [["MGET", ...keys]]);
    return (stored as unknown[]).every((one) => /completed/.test(String(one)));
  });
}

/** The lines of the request log that are about the task. */
export async function logLines(logDir: string, id: string): Promise<string[]> {
  const text = await readFile(join(logDir, "llm_requests.log"), "utf8");
  return text.split("\n").filter((line) => line.includes(`task_id=${id} `));
}

/** Waits until each task has a line, then gives the number of lines of each. */
export async function lineCounts(
  logDir: string,
  ids: readonly string[],
): Promise<number[]> {
  return await eventually(
    async () => {
      const text = await readFile(join(logDir, "llm_requests.log"), "utf8");
      const counts = new Map(ids.map((id) => [id, 0]));
      for (const line of text.split("\n")) {
        const [, id = ""] = /task_id=(\S+) /.exec(line) ?? [];
        const count = counts.get(id);
        if (count !== undefined) counts.set(id, count + 1);
      }
      const lines = ids.map((id) => counts.get(id) ?? 0);
      return lines.every((count) => count > 0) && lines;
    },
    { everyMs: 100 },
  );
}
