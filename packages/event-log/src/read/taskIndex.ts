/**
 * The task index by request and reply: where a task's events stand in the log, and which tasks an owner has. A results
 * service keeps it beside itself and answers; any of several does.
 */
import {
  indexAnswersWithinMs,
  Lane,
  ListedTask,
  StatisticsRow,
  TaskStatus,
} from "@jetscribe/schema";
import * as z from "zod";
import { subscribe, type Broker } from "../broker/connection.ts";
import { orAborted } from "../broker/orAborted.ts";
import { parseJson } from "../codec/parseJson.ts";
import type { StreamState } from "../broker/streamState.ts";
import { packedFor, unpacked } from "./packed.ts";

/** The log's end, up to which the answer has to know the log. */
const upTo = { created: z.string(), seq: z.int().nonnegative() };
export type UpTo = z.infer<z.ZodObject<typeof upTo>>;

const IndexQuestion = z.object({ task_id: z.string(), ...upTo });
export type IndexQuestion = z.infer<typeof IndexQuestion>;

const answered = {
  /** Of the log that the index was made from. */
  created: z.string(),
  /** How far it has read. */
  position: z.int().nonnegative(),
};

const IndexAnswer = z.object({
  ...answered,
  /** The sequences of all events of the task, in order. Absent where the index has not read up to what was asked. */
  seqs: z.array(z.int().positive()).optional(),
});
export type IndexAnswer = z.infer<typeof IndexAnswer>;

/** A task's id in hex, or what is just above it: a page goes on below. */
const PageEnd = z.string().regex(/^[0-9a-f]{32}(00)?$/);

const ListQuestion = z.object({
  ...upTo,
  /** A slug, as the model. Absent: of every owner. */
  owner: z.string().optional(),
  model: z.string().optional(),
  lane: Lane.optional(),
  /** One of these; absent: any. */
  status: z.array(TaskStatus).optional(),
  user_id: z.string().optional(),
  /** All of these pairs. */
  metadata: z.record(z.string(), z.string()).optional(),
  group: z.string().optional(),
  /** It failed, and its error's type and message contain this. */
  error: z.string().optional(),
  /** The time in the task's id is this or later, and earlier than the other, in ms since the epoch. */
  after_ms: z.number().nonnegative().optional(),
  before_ms: z.number().nonnegative().optional(),
  /** Only these tasks, in hex, without pages. */
  ids: z.array(z.string().regex(/^[0-9a-f]{32}$/)).optional(),
  /** Where the page before ended. */
  cursor: PageEnd.optional(),
  limit: z.int().positive(),
  /** Only counts them, from the cursor on. */
  count: z.boolean().optional(),
  /** As they were when the log ended with this sequence; without `count` and `ids`. */
  at: z.int().nonnegative().optional(),
});
export type ListQuestion = z.infer<typeof ListQuestion>;

const TaskPage = z.object({
  /** The newest first. The models are slugs. */
  tasks: z.array(ListedTask),
  /** Where it was asked for a count: so many match down to the cursor. */
  count: z.int().nonnegative().optional(),
  /** Where the page ends; absent: there are no more tasks. */
  cursor: PageEnd.optional(),
});
export type TaskPage = z.infer<typeof TaskPage>;

/** Without a page the index has not read up to what was asked. */
const ListAnswer = z.object({ ...answered, page: TaskPage.optional() });
export type ListAnswer = z.infer<typeof ListAnswer>;

const Time = z.number().nonnegative();
const Count = z.int().nonnegative();

const MomentQuestion = z.object({
  ...upTo,
  /** The last event that counts. */
  at: Count,
  /** A slug. Absent: of every owner. */
  owner: z.string().optional(),
});
export type MomentQuestion = z.infer<typeof MomentQuestion>;

/** What waited and ran of a model in a lane at a moment of the log. */
const MomentRow = z.object({
  /** A slug. */
  model: z.string(),
  lane: Lane,
  queued: Count,
  running: Count,
  /** The id of the waiting task that was accepted first. */
  oldest: z.uuid().optional(),
});
export type MomentRow = z.infer<typeof MomentRow>;

/** Without rows the index has not read up to what was asked, or the log has dropped the moment. */
const MomentAnswer = z.object({
  ...answered,
  rows: z.array(MomentRow).optional(),
});
export type MomentAnswer = z.infer<typeof MomentAnswer>;

const DensityQuestion = z.object({
  ...upTo,
  /** In seconds since the epoch. */
  from: Time,
  to: Time,
  /** The log's first: what was before is not counted. */
  first_seq: z.int().positive(),
  /** So many at most. */
  buckets: z.int().positive().max(1_000),
});
export type DensityQuestion = z.infer<typeof DensityQuestion>;

const Density = z.object({
  /** When the first bucket begins, in seconds since the epoch. */
  from: Time,
  bucket_s: z.number().positive(),
  /** How many events were stored in each bucket. */
  events: z.array(Count),
});
export type Density = z.infer<typeof Density>;

const DensityAnswer = z.object({ ...answered, density: Density.optional() });
export type DensityAnswer = z.infer<typeof DensityAnswer>;

/** `position`: the sequence up to which it knows the log. */
export type TaskPageAt = TaskPage & Pick<ListAnswer, "position">;

/** Times in seconds since the epoch, of whole steps. */
const StatisticsPart = z.object({
  from: z.number().nonnegative(),
  to: z.number().nonnegative(),
  /** In seconds. */
  step: z.int().positive(),
});
export type StatisticsPart = z.infer<typeof StatisticsPart>;

const StatisticsQuestion = z.object({
  ...upTo,
  /** A slug; absent: the tasks of every owner. */
  owner: z.string().optional(),
  /** A slug. Not of one owner, as the lane. */
  model: z.string().optional(),
  lane: Lane.optional(),
  /** Rows for each model and lane. */
  byModel: z.boolean().optional(),
  histograms: z.boolean().optional(),
  parts: z.array(StatisticsPart),
});
export type StatisticsQuestion = z.infer<typeof StatisticsQuestion>;

/** Models are slugs. The range is the one that the rows are of: shorter than asked for where it is not kept, or too much. */
const AnsweredPart = StatisticsPart.extend({ rows: z.array(StatisticsRow) });
export type AnsweredPart = z.infer<typeof AnsweredPart>;

const StatisticsAnswer = z.object({
  ...answered,
  /** When the broker stored the last event that was read; 0: none. */
  time: z.number().optional(),
  /** Absent where the index has not read up to what was asked. */
  parts: z.array(AnsweredPart).optional(),
});
export type StatisticsAnswer = z.infer<typeof StatisticsAnswer>;

/** As of a sequence of the log, and the time of the event that stands there. */
export interface StatisticsAt {
  position: number;
  time: number;
  parts: AnsweredPart[];
}

type End = Pick<StreamState, "created" | "lastSeq">;

/**
 * The sequences of all events of a task, in order, of a log that was read at least up to this end; empty where it has
 * none. Undefined: no index answers, or none has read so far. Rejects with the signal's reason only.
 */
export async function askTaskIndex(
  broker: Broker,
  taskId: string,
  { created, lastSeq }: End,
  signal?: AbortSignal,
): Promise<number[] | undefined> {
  const question: IndexQuestion = { task_id: taskId, created, seq: lastSeq };
  const { index } = broker.subjects;
  return (await ask(broker, index, question, IndexAnswer, signal))?.seqs;
}

/**
 * A page of an owner's tasks, by a log that was read at least up to this end, and how far that is. Undefined: no index
 * answers, or none has read so far. Never rejects.
 */
export async function askTaskList(
  broker: Broker,
  { created, lastSeq }: End,
  wanted: Omit<ListQuestion, keyof UpTo>,
): Promise<TaskPageAt | undefined> {
  const question: ListQuestion = { ...wanted, created, seq: lastSeq };
  const { list } = broker.subjects;
  const answer = await ask(broker, list, question, ListAnswer);
  return answer?.page && { ...answer.page, position: answer.position };
}

/**
 * What waited and ran when the log ended with the sequence `at`. Undefined: no index answers, or none has read so far.
 * Never rejects.
 */
export async function askMoment(
  broker: Broker,
  { created, lastSeq }: End,
  wanted: Omit<MomentQuestion, keyof UpTo>,
): Promise<MomentRow[] | undefined> {
  const question: MomentQuestion = { ...wanted, created, seq: lastSeq };
  const { moment } = broker.subjects;
  return (await ask(broker, moment, question, MomentAnswer))?.rows;
}

/** How many events were stored when. Undefined as of `askMoment`. Never rejects. */
export async function askDensity(
  broker: Broker,
  { created, lastSeq }: End,
  wanted: Omit<DensityQuestion, keyof UpTo>,
): Promise<Density | undefined> {
  const question: DensityQuestion = { ...wanted, created, seq: lastSeq };
  const { density } = broker.subjects;
  return (await ask(broker, density, question, DensityAnswer))?.density;
}

/**
 * Statistics by a log that was read at least up to this end. Undefined: no index answers, or none has read so far. Never
 * rejects.
 */
export async function askStatistics(
  broker: Broker,
  { created, lastSeq }: End,
  wanted: Omit<StatisticsQuestion, keyof UpTo>,
): Promise<StatisticsAt | undefined> {
  const end = { created, seq: lastSeq };
  const question = { ...wanted, ...end, packed: true };
  const { statistics } = broker.subjects;
  const answer = await ask(broker, statistics, question, StatisticsAnswer);
  if (answer?.parts === undefined) return undefined;
  const { position, time = 0, parts } = answer;
  return { position, time, parts };
}

async function ask<Answer extends z.ZodType>(
  broker: Broker,
  subject: string,
  question: object,
  Answer: Answer,
  signal?: AbortSignal,
): Promise<z.infer<Answer> | undefined> {
  const asking = broker.nc.request(subject, JSON.stringify(question), {
    timeout: indexAnswersWithinMs,
  });
  try {
    const { data } = await orAborted(asking, signal);
    return Answer.parse(await unpacked(data));
  } catch {
    signal?.throwIfAborted();
    return undefined;
  }
}

/** Answers questions until it is disposed of. What is no question gets no answer, and none that no message holds. */
export function serveTaskIndex(
  broker: Broker,
  answers: {
    seqs: (question: IndexQuestion) => Promise<IndexAnswer>;
    list: (question: ListQuestion) => Promise<ListAnswer>;
    moment: (question: MomentQuestion) => Promise<MomentAnswer>;
    density: (question: DensityQuestion) => Promise<DensityAnswer>;
    statistics: (question: StatisticsQuestion) => Promise<StatisticsAnswer>;
  },
): Disposable {
  const { index, list, moment, density, statistics } = broker.subjects;
  using stack = new DisposableStack();
  stack.use(serve(broker, index, IndexQuestion, answers.seqs));
  stack.use(serve(broker, list, ListQuestion, answers.list));
  stack.use(serve(broker, moment, MomentQuestion, answers.moment));
  stack.use(serve(broker, density, DensityQuestion, answers.density));
  stack.use(serve(broker, statistics, StatisticsQuestion, answers.statistics));
  return stack.move();
}

/** The client throws where it does not. */
const fits = ({ maxPayload }: Broker, bytes: Uint8Array): boolean =>
  bytes.length <= maxPayload;

function serve<Question extends z.ZodType>(
  broker: Broker,
  subject: string,
  Question: Question,
  answer: (question: z.infer<Question>) => Promise<object>,
): Disposable {
  const subscription = subscribe(
    broker,
    subject,
    (msg) => {
      const asked = parseJson(msg.string());
      const question = Question.safeParse(asked);
      if (!question.success) return;
      void answer(question.data)
        .then((word) => packedFor(asked, word))
        .then((bytes) => {
          if (broker.connected && fits(broker, bytes)) msg.respond(bytes);
        });
    },
    { queue: subject },
  );
  return { [Symbol.dispose]: () => subscription.unsubscribe() };
}
