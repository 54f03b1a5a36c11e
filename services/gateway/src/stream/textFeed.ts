/**
 * Pure: what the reader of one stream has, and what it is sent next. Chunks come as they are heard, with repeats, with
 * holes, and from workers that have lost their task; what TOKENS holds, and in the end the outcome, is the truth.
 */
import {
  isMarker,
  joinChunks,
  type EndedTask,
  type TokenChunk,
} from "@jetscribe/schema";
import { outcomeOf } from "../read/resultOf.ts";

export interface StreamEvent {
  event: "token" | "status" | "reset" | EndedTask["status"];
  /**
   * Where a reader that comes back goes on: `<attempt>.<n>` of a token, `<attempt>.end` of text that the outcome brought,
   * `end` of the outcome.
   */
  id?: string;
  data: object;
}

/** The outcome's id: a reader that comes back with it has everything. */
export const outcomeId = "end";

/** Of the rest of the text, which the outcome brings. It is no chunk's id, whose text may end before. */
const restId = ({ attempt }: EndedTask): string => `${attempt}.end`;

export function makeTextFeed() {
  /** Of the latest chunk. */
  let attempt = 0;
  let n = 0;
  /** How much of the text the reader has, in UTF-16 code units. */
  let sent = 0;
  /** Part of the text is nowhere any more: nothing is sent until the outcome brings it. */
  let blind = false;

  function token(text: string, id = `${attempt}.${n}`): StreamEvent[] {
    if (text === "") return [];
    sent += text.length;
    return [{ event: "token", id, data: { text } }];
  }

  /** It has no id: whoever comes back after it is told again. */
  function reset(now: number): StreamEvent[] {
    if (sent === 0) return [];
    sent = 0;
    return [{ event: "reset", data: { attempt: now } }];
  }

  /** What a chunk that was heard adds; undefined: something before it is missing. */
  function take(chunk: TokenChunk): StreamEvent[] | undefined {
    if (chunk.attempt < attempt) return [];
    if (chunk.attempt === attempt && chunk.n <= n) return []; // a repeat
    if (isMarker(chunk)) return takeMarker(chunk);
    if (blind) return [];
    // The marker of a later attempt, which says what is kept, was missed.
    if (attempt !== 0 && chunk.attempt > attempt) return undefined;
    if (chunk.offset > sent) return undefined;
    ({ attempt, n } = chunk);
    return token(chunk.text.slice(sent - chunk.offset));
  }

  function takeMarker(marker: TokenChunk): StreamEvent[] | undefined {
    const isNext = attempt === 0 || marker.attempt <= attempt + 1;
    // An attempt between that was not heard may have kept less.
    if (marker.offset > 0 && (marker.offset !== sent || !isNext))
      return undefined;
    const events = marker.offset < sent ? reset(marker.attempt) : [];
    ({ attempt, n } = marker);
    blind = false;
    return events;
  }

  /** What all the chunks that TOKENS holds add. */
  function catchUp(stored: readonly TokenChunk[]): StreamEvent[] {
    const voids = stored.find(
      (chunk) =>
        isMarker(chunk) && chunk.attempt > attempt && chunk.offset < sent,
    );
    const events = voids && attempt > 0 ? reset(voids.attempt) : [];
    const joined = joinChunks(stored);
    if (joined.attempt >= attempt) ({ attempt, n } = joined);
    blind = !joined.whole;
    return blind ? events : [...events, ...token(joined.text.slice(sent))];
  }

  /** Whether the reader may hold other text than the outcome's. */
  const mayDiffer = ({ attempt: last }: EndedTask): boolean =>
    sent > 0 && attempt !== last;

  /** The rest of the text, and the outcome. */
  function end(task: EndedTask): StreamEvent[] {
    const data = outcomeOf(task);
    const outcome = { event: task.status, id: outcomeId, data };
    if (task.status !== "completed") return [outcome];
    const events = mayDiffer(task) ? reset(task.attempt) : [];
    const rest = token(task.result.slice(sent), restId(task));
    return [...events, ...rest, outcome];
  }

  return {
    take,
    catchUp,
    end,
    mayDiffer,
    /** Goes on behind the token that the reader had last, by its id. */
    resume(
      lastEventId: string,
      stored: readonly TokenChunk[],
      ended?: EndedTask,
    ): StreamEvent[] {
      if (ended?.status === "completed" && lastEventId === restId(ended)) {
        ({ attempt } = ended);
        sent = ended.result.length;
        return [];
      }
      const at = stored.findIndex(
        (chunk) => `${chunk.attempt}.${chunk.n}` === lastEventId,
      );
      const joined = joinChunks(stored.slice(0, at + 1));
      if (at < 0 || !joined.whole)
        return [
          { event: "reset", data: { attempt: stored.at(-1)?.attempt ?? 1 } },
        ];
      ({ attempt, n } = joined);
      sent = joined.text.length;
      return [];
    },
  };
}
