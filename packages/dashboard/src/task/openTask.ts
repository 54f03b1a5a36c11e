/**
 * One task as its page shows it: its history from the feed, where it waits and its text from its own stream, and the
 * texts of its events, which the feed leaves out.
 */
import { ClientError } from "@jetscribe/client";
import type {
  HistoryEvent,
  HistoryResponse,
  StreamStatus,
  TaskEvents,
  TaskSnapshot,
} from "@jetscribe/schema";
import { withEvents } from "@jetscribe/schema/evolve";
import { computed, signal } from "@preact/signals";
import { CallError, messageOf } from "../api/call.ts";
import { followFeed, type FeedFrame } from "../api/followFeed.ts";
import type { Session } from "../api/session.ts";
import { isOpen } from "../taskStatus.ts";
import { historyAt } from "./historyAt.ts";

export type OpenTask = ReturnType<typeof openTask>;

export type Of<Type extends HistoryEvent["type"]> = Extract<
  HistoryEvent,
  { type: Type }
>;

/** `owner`: another one than the key's own may be meant, if the key has the scope `admin`. */
/** `at`: as it was at a moment of the log, and then nothing more is told of it; undefined: live. */
export function openTask(
  session: Session,
  id: string,
  { owner, at }: { owner?: string | undefined; at?: number | undefined } = {},
) {
  const { client, call } = session;
  const page = signal<TaskSnapshot | undefined>(undefined);
  /** With the texts, as far as the key may read them. */
  const withTexts = signal<HistoryResponse | undefined>(undefined);
  const error = signal<string | undefined>(undefined);
  const place = signal<StreamStatus | undefined>(undefined);
  /** Of the attempt that runs; undefined: none came yet. */
  const text = signal<string | undefined>(undefined);
  /** Another owner's: nothing can be done with it. */
  const isForeign = signal(false);
  /** Its texts are shown once somebody asks for them: its owner is told who does. */
  const isOpened = signal(false);
  const ending = new AbortController();

  function historyPath(isAsked: boolean): string {
    const query = new URLSearchParams();
    if (isForeign.value && owner !== undefined) {
      query.set("owner", owner);
      query.set("texts", String(isAsked));
    }
    return `/tasks/${id}/events?${query}`;
  }

  /** `isAsked`: somebody asks for another owner's texts. */
  async function readTexts(isAsked = isOpened.value): Promise<void> {
    const { signal } = ending;
    const { value: wasForeign } = isForeign;
    try {
      const path = historyPath(isAsked);
      const history = await call<HistoryResponse>(path, { signal });
      withTexts.value = historyAt(history, at);
      isOpened.value ||= isAsked;
    } catch (problem) {
      if (signal.aborted) return;
      tell(problem);
      if (isForeign.value && !wasForeign) await readTexts();
    }
  }

  /** The feed has a task of the owner that is named, where calls have none. */
  function tell(problem: unknown): void {
    const isCall = problem instanceof CallError || problem instanceof ClientError; // prettier-ignore
    if (owner !== undefined && isCall && problem.status === 404)
      isForeign.value = true;
    else error.value = messageOf(problem);
  }

  function take({ event, data }: FeedFrame): void {
    const before = page.value;
    if (event === "snapshot") page.value = historyAt(data as TaskSnapshot, at);
    else if (event === "events" && before && at === undefined)
      page.value = withEvents(before, data as TaskEvents);
    error.value = undefined;
    const isOver = page.value && !isOpen(page.value.status);
    if (before === undefined || (isOver && isOpen(before.status)))
      void readTexts();
    if (before === undefined && !isOver && at === undefined)
      void followStream();
  }

  async function followStream(): Promise<void> {
    try {
      await followText();
    } catch (problem) {
      // Without `read:text` there is no text, and no place in the queue.
      const mayNotRead = problem instanceof ClientError && problem.status === 403; // prettier-ignore
      if (!ending.signal.aborted && !mayNotRead) tell(problem);
    }
  }

  async function followText(): Promise<void> {
    const gathered = makeGathered((piece) => {
      text.value = (text.peek() ?? "") + piece;
    });
    for await (const event of client.stream(id, { signal: ending.signal })) {
      if (event.type === "token") gathered.add(event.text);
      else gathered.flush();
      if (event.type === "reset") text.value = undefined;
      if (event.type === "status") place.value = event.status;
    }
  }

  const query = new URLSearchParams({ view: "task", task_id: id });
  if (owner !== undefined) query.set("owner", owner);
  void followFeed(session, query, {
    take,
    refused({ message }) {
      error.value = message;
    },
    signal: ending.signal,
  });
  /** What was read last has the texts; what the feed told is newer. */
  const known = (find: (history: HistoryResponse) => HistoryEvent | undefined) =>
    (withTexts.value && find(withTexts.value)) ?? (page.value && find(page.value)); // prettier-ignore
  return {
    ...{ id, at, page, error, place, text, isForeign, isOpened },
    openTexts: () => readTexts(true),
    /** No moment of the log tells them: they stand in another stream. */
    textReads: computed(() =>
      at === undefined ? (withTexts.value?.text_reads ?? []) : [],
    ),
    request: computed(
      () =>
        known((history) => eventOf(history, "GenerateRequested")) as
          Of<"GenerateRequested"> | undefined,
    ),
    outcome: computed(
      () =>
        known(({ events }) => events.find(isOutcome)) as Outcome | undefined,
    ),
    close: () => ending.abort(),
  };
}

/** Pieces of text go into the page once a frame, however many come. */
function makeGathered(show: (text: string) => void) {
  let waiting = "";
  const flush = () => {
    if (waiting !== "") show(waiting);
    waiting = "";
  };
  return {
    flush,
    add(piece: string) {
      if (waiting === "") requestAnimationFrame(flush);
      waiting += piece;
    },
  };
}

export const eventOf = <Type extends HistoryEvent["type"]>(
  history: HistoryResponse | undefined,
  type: Type,
): Of<Type> | undefined =>
  history?.events.find((event): event is Of<Type> => event.type === type);

export type Outcome = Of<
  "GenerateCompleted" | "GenerateFailed" | "GenerateCancelled"
>;

export const isOutcome = (event: HistoryEvent): event is Outcome =>
  event.type === "GenerateCompleted" ||
  event.type === "GenerateFailed" ||
  event.type === "GenerateCancelled";
