/**
 * A client of the REST interface. It needs nothing but `fetch`: the imports of this package are types.
 *
 * A call that fails in passing (no connection, 408, 429, 502, 503, 504) is repeated with a growing, random pause, and not
 * before the server's `Retry-After`, unless that is over a minute. `generate` sends an `Idempotency-Key` with each repetition, so it makes one task.
 */
import type {
  AcceptedResponse,
  GenerateBatchResponse,
  GenerateBody,
  ListedTask,
  GenerateOverrides,
  HistoryResponse,
  OutcomeResponse,
  PendingResponse,
  StatusResponse,
  StreamStatus,
  TaskFilter,
  TaskListResponse,
  WebhookDeliveryResponse,
  WebhookListQuery,
  WebhookListResponse,
  WebhookSecretResponse,
} from "@jetscribe/schema";
import { ClientError, problemOf } from "./clientError.ts";
import { newKey } from "./newKey.ts";
import { pause, retryAfterMs } from "./retry.ts";
import {
  readServerSentEvents,
  type ServerSentEvent,
} from "./serverSentEvents.ts";

export { ClientError } from "./clientError.ts";

export interface ClientOptions {
  /** Of the gateway, with its path prefix if it has one: `http://127.0.0.1:8000`. */
  url: string;
  apiKey: string;
  /** Another `fetch`, as of a test or a proxy. */
  fetch?: typeof fetch;
  /** A call is repeated so often at most; 6 by default, over 8 to 16 s. 0: never. */
  maxRetries?: number;
}

export interface CallOptions {
  /** Ends the call: it rejects with the signal's reason. What was accepted goes on. */
  signal?: AbortSignal;
}

export interface AcceptOptions extends CallOptions {
  /** Of this call; by default a random one. With the same key a call that is made again gets the same task. */
  idempotencyKey?: string;
}

/** What a stream tells. */
export type StreamEvent =
  /** The next piece of text. */
  | { type: "token"; id: string; text: string }
  /** The text so far is void: the task begins anew. */
  | { type: "reset"; attempt: number }
  | { type: "status"; status: StreamStatus }
  /** The last one. */
  | { type: "outcome"; outcome: OutcomeResponse };

export interface Client {
  /** Has a prompt accepted. It makes one task, however often it has to be sent. */
  generate: (
    request: GenerateBody,
    options?: AcceptOptions,
  ) => Promise<AcceptedResponse>;
  /**
   * Has many prompts accepted, 1,000 at most. Each is accepted or refused by itself: an item with a `problem` is refused.
   * The whole makes each task once, however often it has to be sent.
   */
  generateBatch: (
    requests: readonly GenerateBody[],
    options?: AcceptOptions,
  ) => Promise<GenerateBatchResponse>;
  /**
   * Makes a new task of one that has ended, with what the overrides change. It makes one, however often it has to be
   * sent. Rejects with a ClientError of status 409 where the task has not ended, and 410 where its request is dropped.
   */
  retry: (
    taskId: string,
    overrides?: GenerateOverrides,
    options?: AcceptOptions,
  ) => Promise<AcceptedResponse>;
  status: (taskId: string, options?: CallOptions) => Promise<StatusResponse>;
  /** All events of the task, and where its time went. */
  events: (taskId: string, options?: CallOptions) => Promise<HistoryResponse>;
  /** The outcome, or that there is none yet. */
  result: (
    taskId: string,
    options?: CallOptions,
  ) => Promise<OutcomeResponse | PendingResponse>;
  /** The outcome, once there is one. It waits without an end: bound it by `AbortSignal.timeout`. */
  wait: (taskId: string, options?: CallOptions) => Promise<OutcomeResponse>;
  /**
   * What happens to a task, up to its outcome. It connects again by itself, and no text is missing or double then. Leaving
   * the loop closes the stream; the task goes on.
   */
  stream: (
    taskId: string,
    options?: CallOptions & {
      /** The id of the last token that is there already. */
      lastEventId?: string;
    },
  ) => AsyncGenerator<StreamEvent, void, void>;
  /**
   * The tasks that match, the newest first. Pages are read as the loop needs them; tasks that are accepted meanwhile are
   * not among them.
   */
  tasks: (
    filter?: TaskFilter,
    options?: CallOptions,
  ) => AsyncGenerator<ListedTask, void, void>;
  /** Webhooks that wait for another attempt or were given up, those that changed last behind the others. */
  webhookDeliveries: (
    filter?: Pick<WebhookListQuery, "state">,
    options?: CallOptions,
  ) => AsyncGenerator<WebhookDeliveryResponse, void, void>;
  /** Has a webhook sent at once. Rejects with a ClientError of status 404 where none of the task waits. */
  resendWebhook: (
    taskId: string,
    options?: CallOptions,
  ) => Promise<WebhookDeliveryResponse>;
  /** What webhooks of the key's owner are signed with. */
  webhookSecret: (options?: CallOptions) => Promise<WebhookSecretResponse>;
  /** Rejects with a ClientError of status 409 where the task has another outcome. */
  cancel: (taskId: string, options?: CallOptions) => Promise<void>;
  /**
   * Any other route, as one of `/admin/keys`; `path` begins with a slash. It is sent once: what the call does may not be
   * repeatable. Rejects with a ClientError where it is refused, and with fetch's TypeError where no answer came.
   */
  call: <T>(
    method: "GET" | "POST" | "PATCH" | "DELETE",
    path: string,
    options?: CallOptions & { body?: object },
  ) => Promise<T>;
}

/** A call waits so long for an outcome before it asks again: proxies end longer ones. */
const waitS = 50;
/** A connection on which nothing came for so long is given up: the gateway sends a comment every 15 s. */
const silentForMs = 45_000;
/** A server that wants a longer pause is not waited for. */
const longestRetryAfterMs = 60_000;

const passing: ReadonlySet<number> = new Set([408, 429, 502, 503, 504]);

/** Throws a TypeError where the address is no URL, or the key could not stand in a header. */
export function makeClient({
  url,
  apiKey,
  fetch: fetching = fetch,
  maxRetries = 6,
}: ClientOptions): Client {
  // A wrong address or key is told here, and not taken for a connection that fails.
  const base = new URL(url).href.replace(/\/+$/, "");
  const apiHeaders = Object.fromEntries(new Headers({ "x-api-key": apiKey }));

  /** Resolves with what `read` makes of an answer below 400. */
  async function send<T>(
    path: string,
    { signal, ...init }: RequestInit & CallOptions,
    read: (response: Response) => Promise<T> | T,
    repetitions = maxRetries,
  ): Promise<T> {
    for (let attempt = 0; ; attempt++) {
      signal?.throwIfAborted();
      let afterMs = 0;
      try {
        const response = await fetching(base + path, {
          ...init,
          headers: { ...init.headers, ...apiHeaders },
          ...(signal && { signal }),
        });
        if (response.ok) return await read(response);
        afterMs = retryAfterMs(response.headers.get("retry-after"));
        throw new ClientError(response.status, await problemOf(response));
      } catch (error) {
        signal?.throwIfAborted();
        const isFinal =
          error instanceof ClientError &&
          (!passing.has(error.status) || afterMs > longestRetryAfterMs);
        if (isFinal || attempt >= repetitions) throw error;
      }
      await pause(attempt, afterMs, signal);
    }
  }

  const jsonOf = async <T>(response: Response) => (await response.json()) as T;
  const readJson = <T>(path: string, options: RequestInit & CallOptions = {}) =>
    send(path, options, jsonOf<T>);
  /** A call that makes a task: the key makes it one, however often it is sent. */
  const post = <T>(
    path: string,
    body: object,
    { idempotencyKey = newKey(), ...rest }: AcceptOptions = {},
  ) =>
    readJson<T>(path, {
      ...rest,
      method: "POST",
      headers: {
        "content-type": "application/json",
        "idempotency-key": idempotencyKey,
      },
      body: JSON.stringify(body),
    });
  async function* pagesOf<Page extends { next_cursor?: string | undefined }>(
    path: string,
    query: URLSearchParams,
    options?: CallOptions,
  ): AsyncGenerator<Page, void, void> {
    for (;;) {
      const page = await readJson<Page>(`${path}?${query.toString()}`, options);
      yield page;
      if (page.next_cursor === undefined) return;
      query.set("cursor", page.next_cursor);
    }
  }
  const pathOf = (kind: string, taskId: string) =>
    `/${kind}/${encodeURIComponent(taskId)}`;

  return {
    generate: (request, options) => post("/generate", request, options),
    generateBatch: (requests, options) =>
      post("/generate/batch", { requests }, options),
    retry: (taskId, overrides = {}, options = {}) =>
      post(`${pathOf("tasks", taskId)}/retry`, overrides, options),
    status: (taskId, options) => readJson(pathOf("status", taskId), options),
    events: (taskId, options) =>
      readJson(`${pathOf("tasks", taskId)}/events`, options),
    result: (taskId, options) => readJson(pathOf("result", taskId), options),
    async wait(taskId, options) {
      const path = `${pathOf("result", taskId)}?wait=${waitS}`;
      for (;;) {
        const answer = await readJson<OutcomeResponse | PendingResponse>(
          path,
          options,
        );
        if (isOutcome(answer)) return answer;
        // A gateway that stops answers at once.
        await pause(0, 0, options?.signal);
      }
    },
    async *stream(taskId, { lastEventId = "", ...options } = {}) {
      let lastId = lastEventId;
      /** Connections in a row that ended soon and brought no text. */
      let idle = 0;
      for (;;) {
        const body = await send(
          pathOf("stream", taskId),
          {
            ...options,
            headers: lastId === "" ? {} : { "last-event-id": lastId },
          },
          (response) => response.body,
        );
        // The reader has everything, the outcome too.
        if (body === null) return;
        const openedAt = performance.now();
        try {
          for await (const event of readServerSentEvents(body, silentForMs)) {
            const read = streamEventOf(event);
            if (event.id !== undefined) lastId = event.id;
            if (read?.type === "token") idle = 0;
            if (read !== undefined) yield read;
            if (read?.type === "outcome") return;
          }
        } catch (error) {
          options.signal?.throwIfAborted();
          if (error instanceof SyntaxError || idle >= maxRetries) throw error;
        }
        if (performance.now() - openedAt > silentForMs) idle = 0;
        if (idle >= maxRetries)
          throw new Error(`the stream of ${taskId} ends again and again`);
        await pause(idle++, 0, options.signal);
      }
    },
    async *tasks(filter = {}, options) {
      const query = queryOf(filter);
      for await (const page of pagesOf<TaskListResponse>(
        "/tasks",
        query,
        options,
      ))
        // prettier-ignore
        yield* page.tasks;
    },
    async *webhookDeliveries({ state } = {}, options) {
      const query = new URLSearchParams(state && { state });
      const path = "/webhooks/deliveries";
      for await (const page of pagesOf<WebhookListResponse>(
        path,
        query,
        options,
      ))
        // prettier-ignore
        yield* page.deliveries;
    },
    resendWebhook: (taskId, options = {}) =>
      readJson(`${pathOf("webhooks/deliveries", taskId)}/resend`, {
        ...options,
        method: "POST",
      }),
    webhookSecret: (options) => readJson("/webhooks/secret", options),
    async cancel(taskId, options = {}) {
      await readJson(pathOf("cancel", taskId), { ...options, method: "POST" });
    },
    call: <T>(
      ...[method, path, { body, ...options } = {}]: Parameters<Client["call"]>
    ) => {
      const json = body && {
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
      };
      return send(path, { ...options, ...json, method }, jsonOf<T>, 0);
    },
  };
}

function queryOf({ metadata = {}, status, ...plain }: TaskFilter) {
  const query = new URLSearchParams({ limit: "100" });
  if (status !== undefined) query.set("status", status.join());
  for (const [key, value] of Object.entries(metadata))
    query.set(`metadata.${key}`, value);
  for (const [name, value] of Object.entries(plain))
    if (value !== undefined) query.set(name, String(value));
  return query;
}

const isOutcome = (
  answer: OutcomeResponse | PendingResponse,
): answer is OutcomeResponse =>
  answer.status !== "queued" && answer.status !== "processing";

/** Undefined: of a kind that this client doesn't know. */
function streamEventOf({
  event,
  id = "",
  data,
}: ServerSentEvent): StreamEvent | undefined {
  switch (event) {
    case "token":
      return { type: "token", id, ...(JSON.parse(data) as { text: string }) };
    case "reset":
      return { type: "reset", ...(JSON.parse(data) as { attempt: number }) };
    case "status":
      return { type: "status", status: JSON.parse(data) as StreamStatus };
    case "completed":
    case "failed":
    case "cancelled":
      return { type: "outcome", outcome: JSON.parse(data) as OutcomeResponse };
    default:
      return undefined;
  }
}
