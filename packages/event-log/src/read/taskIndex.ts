/**
 * The task index by request and reply: where a task's events stand in the log. A results service keeps it beside itself
 * and answers; any of several does.
 */
import { indexAnswersWithinMs } from "@jetscribe/schema";
import * as z from "zod";
import { subscribe, type Broker } from "../broker/connection.ts";
import { orAborted } from "../broker/orAborted.ts";
import { parseJson } from "../codec/parseJson.ts";
import type { StreamState } from "../broker/streamState.ts";

/** `created` and `seq`: the log's end, up to which the answer has to know the log. */
const IndexQuestion = z.object({
  task_id: z.string(),
  created: z.string(),
  seq: z.int().nonnegative(),
});
export type IndexQuestion = z.infer<typeof IndexQuestion>;

const IndexAnswer = z.object({
  /** Of the log that the index was made from. */
  created: z.string(),
  /** How far it has read. */
  position: z.int().nonnegative(),
  /** The sequences of all events of the task, in order. Absent where the index has not read up to what was asked. */
  seqs: z.array(z.int().positive()).optional(),
});
export type IndexAnswer = z.infer<typeof IndexAnswer>;

/**
 * The sequences of all events of a task, in order, of a log that was read at least up to this end; empty where it has
 * none. Undefined: no index answers, or none has read so far. Rejects with the signal's reason only.
 */
export async function askTaskIndex(
  broker: Broker,
  taskId: string,
  { created, lastSeq }: Pick<StreamState, "created" | "lastSeq">,
  signal?: AbortSignal,
): Promise<number[] | undefined> {
  const question: IndexQuestion = { task_id: taskId, created, seq: lastSeq };
  const asking = broker.nc.request(
    broker.subjects.index,
    JSON.stringify(question),
    {
      timeout: indexAnswersWithinMs,
    },
  );
  try {
    const answer = await orAborted(asking, signal);
    return IndexAnswer.parse(answer.json()).seqs;
  } catch {
    signal?.throwIfAborted();
    return undefined;
  }
}

/** Answers questions until it is disposed of. What is no question gets no answer. */
export function serveTaskIndex(
  broker: Broker,
  answer: (question: IndexQuestion) => Promise<IndexAnswer>,
): Disposable {
  const subscription = subscribe(
    broker,
    broker.subjects.index,
    (msg) => {
      const question = IndexQuestion.safeParse(parseJson(msg.string()));
      if (!question.success) return;
      void answer(question.data).then((word) => {
        if (broker.connected) msg.respond(JSON.stringify(word));
      });
    },
    { queue: broker.subjects.index },
  );
  return { [Symbol.dispose]: () => subscription.unsubscribe() };
}
