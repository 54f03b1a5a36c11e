/** A listening app whose tasks are said by the test, and plain clients of it. */
import type { Logger } from "@jetscribe/runtime";
import { checkAnswersOf } from "@jetscribe/testing";
import { metricsOf, newTaskId, type TaskState } from "@jetscribe/schema";
import {
  cancelled as eventOfCancel,
  requested,
} from "@jetscribe/schema/test/taskEventsTestKit";
import assert from "node:assert/strict";
import { once } from "node:events";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { buildApp, type AppOptions } from "../src/http/app.ts";
import { makeKeyRing } from "../src/keys/keyRing.ts";
import { makeReadTokens } from "../src/keys/readTokens.ts";
import type { AppDeps } from "../src/http/appDeps.ts";
import { ApiKeyList, type ApiKey } from "../src/keys/apiKeys.ts";
import { makeBodyRoom } from "../src/admission/bodyRoom.ts";

export const key = "key-of-a";
const queued = (): TaskState => ({
  ...{ task_id: newTaskId(), seq: 1, model: "demo", lane: "interactive" },
  ...{ owner: "a", enqueue_time: 1, timeout_ms: 1, start_timeout_ms: 1 },
  ...{ status: "queued", attempt: 0, failures: 0, max_tokens: 1 },
});
const cancelled = (task: TaskState): TaskState => ({
  ...{ ...task, status: "cancelled", end_time: 2, end_seq: 2 },
  metrics: metricsOf({ enqueue: 1, firstStart: 1, outcome: 2 }, 1, 1),
});

const completed = (task: TaskState): TaskState => ({
  ...{ ...task, status: "completed", attempt: 1, end_time: 2, end_seq: 2 },
  ...{ result: "the text", reasoning: "thoughts", finish_reason: "stop" },
  metrics: metricsOf({ enqueue: 1, firstStart: 1, outcome: 2 }, 1, 1),
});

/** What the app asks before it looks at a call, where no limit is set. */
export const unlimited: Pick<AppDeps, "throttle" | "rates" | "limits"> = {
  throttle: {
    refusal: () => undefined,
    note: () => Promise.resolve(undefined),
  },
  rates: { take: () => undefined, look: () => undefined },
  limits: {
    standing: () => Promise.resolve({}),
    refusalOfAny: () => undefined,
  },
};
const clock = { nowS: () => 10 };

/** Keys that the settings hold, and no others. */
export function callKeys(keys: readonly ApiKey[]) {
  const { nowS } = clock;
  const ring = makeKeyRing(keys, nowS);
  const readTokens = makeReadTokens(keys, ring, nowS);
  return {
    ...ring,
    readTokens,
    ofToken: readTokens.keyOf,
    ofLink: readTokens.keyOfLink,
    noteUse: () => undefined,
    whyUnknown: () => undefined,
  };
}

/** An app with tasks of which one runs, one is streamed without an end, and two have ended; what it accepts is kept. */
export async function startApp(
  options: Partial<AppOptions> = {},
  keys: readonly ApiKey[] = ApiKeyList.parse(`a:${key}`),
  over: Partial<AppDeps> = {},
) {
  const running = queued();
  const endless = queued();
  const ended = cancelled(queued());
  const withText = completed(queued());
  const tasks = new Map(
    [running, endless, ended, withText].map((task) => [task.task_id, task]),
  );
  const accepted: unknown[] = [];
  const acceptedWith: Parameters<AppDeps["acceptOnce"]>[2][] = [];
  const cancels: string[] = [];
  const ring = callKeys(keys);
  const readTask: AppDeps["readTask"] = (id, owner) =>
    Promise.resolve(owner === "a" ? tasks.get(id) : undefined);
  const deps = {
    keys: ring,
    readTokens: ring.readTokens,
    acceptOnce(body, _key, options) {
      accepted.push(body);
      acceptedWith.push(options);
      return Promise.resolve({ taskId: running.task_id, task: running });
    },
    models: { names: () => ["demo"], choose: () => Promise.resolve("demo") },
    readTask,
    readSurely: readTask,
    waitForOutcome: readTask,
    readHistory: ({ task_id }) =>
      Promise.resolve([
        { ...requested(task_id), seq: 1, time: 1 },
        { ...eventOfCancel(task_id), seq: 2, time: 2 },
      ]),
    audit: {
      record: () => Promise.resolve(),
      readsOf: () => Promise.resolve([]),
    },
    acceptBatch(requests) {
      accepted.push(requests);
      const value = { taskId: running.task_id, task: running };
      return Promise.resolve(
        requests.map(() => ({ status: "fulfilled" as const, value })),
      );
    },
    retryTask(task) {
      accepted.push(task);
      return Promise.resolve({ taskId: running.task_id, task: running });
    },
    listTasks: () => Promise.resolve({ tasks: [] }),
    readStatistics: () =>
      Promise.resolve({
        ...{ seq: 0, step: 60, from: 0, to: 60, wantedTo: 60, rows: [] },
      }),
    cancelTasks: ({ dry_run }) =>
      Promise.resolve({ dry_run, matched: 0, results: {} }),
    retryTasks: ({ dry_run }) =>
      Promise.resolve({ dry_run, matched: 0, results: {} }),
    cancelTask({ task_id }) {
      cancels.push(task_id);
      return Promise.resolve();
    },
    async *streamTask(task, { signal }) {
      yield {
        event: "token",
        id: "1.1",
        data: { text: "a\u0085b\u2028c\u2029d✅" },
      };
      if (task === endless) await once(signal, "abort");
    },
    places: () => Promise.resolve([]),
    scrape: () => Promise.resolve([]),
    calls: { of: () => () => undefined },
    webhooks: {
      list: () => Promise.resolve({ deliveries: [] }),
      resend: (_owner, task_id) =>
        Promise.resolve({
          ...{ task_id, model: "demo", status: "failed", attempts: 0 },
          ...{ url: "https://a.example/", state: "pending", ended_at: 1 },
        }),
      secret: () => ({ secret: "whsec_", previous: [] }),
    },
    ...unlimited,
    clock,
    unready: () => undefined,
    stopping: new AbortController().signal,
    log: { warn() {}, error() {} } as unknown as Logger,
    ...over,
  } as Partial<AppDeps> as AppDeps;
  const app = await buildApp(deps, {
    ...{
      bodyLimit: 1024 * 1024,
      bodies: makeBodyRoom(2 ** 24),
      trustProxy: false,
    },
    ...options,
  });
  const url = await app.listen({ host: "127.0.0.1", port: 0 });
  const stop = async () => {
    await app.close();
    ring[Symbol.dispose]();
  };
  const port = Number(new URL(url).port);
  checkAnswersOf(url, app.swagger());
  return {
    ...{
      app,
      url,
      port,
      accepted,
      acceptedWith,
      cancels,
      running,
      endless,
      ended,
      withText,
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
export type Started = Awaited<ReturnType<typeof startApp>>;

export interface Answer {
  status: number;
  headers: IncomingMessage["headers"];
  body: string;
}

/** As a plain client of Node sends it: nothing is added but what HTTP needs. */
export function send(
  { port }: Started,
  method: string,
  path: string,
  {
    body = "",
    headers = {},
  }: { body?: string | Buffer; headers?: object } = {},
): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const request = httpRequest(
    {
      ...{ port, method, path },
      headers: {
        "x-api-key": key,
        ...(!("transfer-encoding" in headers) && {
          "content-length": Buffer.byteLength(body),
        }),
        ...headers,
      },
    },
    (response) => {
      const { statusCode: status = 0 } = response;
      text(response).then((answer) => {
        resolve({ status, headers: response.headers, body: answer });
      }, reject);
    },
  );
  request.once("error", reject);
  request.end(body);
  return promise;
}

/** The bytes that come back, until the server ends the connection; it may be told that no more will be sent. */
export async function sendRaw(
  { port }: Started,
  bytes: string,
  ends = false,
): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  if (ends) socket.end(bytes);
  else socket.write(bytes);
  return await text(socket);
}

export const problemOf = ({ status, headers, body }: Answer) => {
  assert.equal(
    headers["content-type"],
    "application/problem+json; charset=utf-8",
  );
  const problem = JSON.parse(body) as Record<string, unknown>;
  assert.equal(problem["status"], status);
  return problem;
};
export const json = { "content-type": "application/json" };
export const hi = JSON.stringify({ prompt: "hi" });

/** Of the first answer. */
export function assertProblem(raw: string, status: number): void {
  const [head = "", rest = ""] = raw.split("\r\n\r\n");
  const [, length] = /content-length: (\d+)/i.exec(head) ?? [];
  const body = Buffer.from(rest).subarray(0, Number(length)).toString();
  assert.match(head, new RegExp(`^HTTP/1.1 ${status} `), raw);
  assert.match(
    head,
    /content-type: application\/problem\+json; charset=utf-8/i,
  );
  const problem = JSON.parse(body) as { status: number; detail: string };
  assert.equal(problem.status, status);
  assert.ok(problem.detail);
}
