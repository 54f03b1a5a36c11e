/**
 * The event stream of a page, `GET /feed`: what a page can ask for, and the frames that come. A frame is a Server-Sent
 * Event: its name is `snapshot`, `events` or `delta`, its id is `seq`, and its data is JSON of the schema below.
 *
 * | view    | `snapshot`      | `events`      | `delta`      |
 * | ------- | --------------- | ------------- | ------------ |
 * | `now`   | `NowSnapshot`   |               | `NowDelta`   |
 * | `tasks` | `TasksSnapshot` | `TasksEvents` | `TasksDelta` |
 * | `task`  | `TaskSnapshot`  | `TaskEvents`  |              |
 * | `log`   | `LogSnapshot`   | `LogEvents`   | `LogEvents`  |
 *
 * The first frame is a snapshot, or with `Last-Event-ID` the first one behind that id, where the gateway still has it. A
 * snapshot may come again at any time and replaces all that came before it. `foldFeed.ts` folds frames into a page.
 */
import * as z from "zod";
import {
  EngineSpeculation,
  EngineThreads,
  RunningTask,
  SeenWorker,
} from "../generate/announcements.ts";
import { ErrorType, Lane } from "../generate/events.ts";
import { kinds, type EventType } from "../generate/kinds.ts";
import { HealthResponse } from "./generate.ts";
import { HistoryEvent, HistoryResponse } from "./history.ts";
import { StatisticsRow } from "./statistics.ts";
import { fromQuery, ListedTask, ListFilter, maxTasksPerPage } from "./tasks.ts";

/** A view that had more events than this within the last second gets deltas, so many a second at most. */
export const feedPace = { eventsPerSecond: 200, deltasPerSecond: 4 } as const;

export const FeedView = z.enum(["now", "tasks", "task", "log"]);
export type FeedView = z.infer<typeof FeedView>;

const fieldsOf: Record<FeedView, ReadonlySet<string>> = {
  now: new Set(["view"]),
  tasks: new Set(["view", "limit", ...Object.keys(ListFilter.shape)]),
  task: new Set(["view", "task_id", "owner"]),
  log: new Set(["view", "limit", "type", "model", "lane", "owner"]),
};

const names = Object.keys(kinds) as [EventType, ...EventType[]];

export const EventTypes = z.array(z.enum(names)).min(1);

/** The filters are those of `GET /tasks`, and of `GET /log`. */
export const FeedQuery = z.preprocess(
  fromQuery,
  ListFilter.extend({
    view: FeedView.meta({
      description:
        "`now`: queues, workers and failures. `tasks`: the newest tasks that match the filters. `task`: one task, with its events. `log`: the newest events by `type`, `model`, `lane` and `owner`.",
    }),
    task_id: z.uuid().toLowerCase().optional().meta({
      description: "Of the view `task`.",
    }),
    limit: z.int().min(1).max(maxTasksPerPage).optional().meta({
      description:
        "Of the views `tasks` and `log`: so many tasks or events, 20 where it is absent.",
    }),
    type: EventTypes.optional().meta({
      description: "Of the view `log`: one of these; several with commas.",
    }),
  }).superRefine((query, context) => {
    const other = Object.keys(query).find(
      (name) => !fieldsOf[query.view].has(name),
    );
    const path = other ?? "task_id";
    if (other !== undefined || (query.view === "task" && !query.task_id))
      context.addIssue({
        code: "custom",
        path: [path],
        message: `${other ? "not" : "needed"} of the view ${query.view}`,
      });
  }),
);
export type FeedQuery = z.infer<typeof FeedQuery>;

/** How far the log is told: the sequence of the last event that the frame knows of. */
const Seq = z.int().nonnegative();
/** Seconds since the epoch. */
const Time = z.number();
const Count = z.int().nonnegative();

/** A stored event by its subject and headers: without prompts and texts. */
export const FeedEvent = z.object({
  seq: Seq,
  /** When the broker stored it. */
  time: Time,
  type: z.enum(names),
  task_id: z.uuid(),
  /** The model's name. */
  model: z.string(),
  lane: Lane,
  /** A slug; in a list of all owners. */
  owner: z.string().optional(),
  /** Of a start, and of the end of an attempt that is retried. */
  attempt: Count.optional(),
  /** Of a request. */
  user_id: z.string().optional(),
  metadata: z.record(z.string(), z.string()).optional(),
  not_before: Time.optional(),
  group: z.string().optional(),
  /** Of a failure. */
  error_type: ErrorType.optional(),
  /** Of a failure: the beginning, as lists have it. */
  error_message: z.string().optional(),
});
export type FeedEvent = z.infer<typeof FeedEvent>;

/** How many events there were of each kind. */
export const FeedCounts = z.object({
  requested: Count,
  started: Count,
  retried: Count,
  completed: Count,
  failed: Count,
  cancelled: Count,
});
export type FeedCounts = z.infer<typeof FeedCounts>;

/** The newest tasks that match, as `GET /tasks` has them. */
export const TasksSnapshot = z.object({
  view: z.literal("tasks"),
  seq: Seq,
  /** The newest first. */
  tasks: z.array(ListedTask),
  /** Older ones: the `cursor` of `GET /tasks` with the same filters; absent where there are none. `tasks` may be empty, and have one. */
  next_cursor: z.string().optional(),
});
export type TasksSnapshot = z.infer<typeof TasksSnapshot>;

/**
 * Events of tasks by the owner, model, lane and time that were asked for, in order. Those of tasks that the page does not
 * have can be passed over, but for requests. `tasks`: rows of tasks that match since their last event, and whose request
 * was before the snapshot.
 */
export const TasksEvents = z.object({
  seq: Seq,
  events: z.array(FeedEvent),
  tasks: z.array(ListedTask).optional(),
});
export type TasksEvents = z.infer<typeof TasksEvents>;

/** The newest tasks that match, as far as they changed since the frame before. Older ones may have changed untold. */
export const TasksDelta = z.object({
  seq: Seq,
  /** Changed and new rows. */
  tasks: z.array(ListedTask),
  /** Ids of those that do not match any more. */
  gone: z.array(z.uuid()),
  /** Since the frame before, by the owner, model, lane and time that were asked for. */
  counts: FeedCounts,
});
export type TasksDelta = z.infer<typeof TasksDelta>;

/** As `GET /tasks/{task_id}/events`, without the texts. */
export const TaskSnapshot = HistoryResponse.extend({
  view: z.literal("task"),
  seq: Seq,
});
export type TaskSnapshot = z.infer<typeof TaskSnapshot>;

export const TaskEvents = z.object({ seq: Seq, events: z.array(HistoryEvent) });
export type TaskEvents = z.infer<typeof TaskEvents>;

/** The newest events that match, the newest first. */
export const LogSnapshot = z.object({
  view: z.literal("log"),
  seq: Seq,
  events: z.array(FeedEvent),
});
export type LogSnapshot = z.infer<typeof LogSnapshot>;

/** Further events, in order. In a delta only the newest; `skipped`: so many before them were left out. */
export const LogEvents = z.object({
  seq: Seq,
  events: z.array(FeedEvent),
  skipped: Count.optional(),
});
export type LogEvents = z.infer<typeof LogEvents>;

/** What waits and runs of a model in a lane: all of it for a key with the scope `admin`, else the owner's own. */
export const NowRow = z.object({
  /** The model's name. */
  model: z.string(),
  lane: Lane,
  queued: Count,
  running: Count,
  /** Tasks that wait for their `not_before`; they are not among `queued`. Absent: none does, or it is not known. */
  later: Count.optional(),
  /** When the oldest waiting task was accepted; absent where none waits. */
  oldest_at: Time.optional(),
  /** Seconds that a task accepted now would wait; of several owners, one of the owner with the most waiting. Absent: not known. */
  eta: z.number().nonnegative().optional(),
});
export type NowRow = z.infer<typeof NowRow>;

/** What a slot holds. Of another owner's task, without the scope `admin`, only its phase is told. */
export const NowSlot = z.object({
  /** `prompt`: the engine reads it; `text`: it writes. */
  phase: z.enum(["prompt", "text"]),
  ...RunningTask.partial().shape,
});
export type NowSlot = z.infer<typeof NowSlot>;

export const NowWorker = z.object({
  worker_id: z.string(),
  model: z.string(),
  engine: z.string(),
  device: z.string().optional(),
  model_loaded: z.boolean(),
  /** False: it has lately produced no token. */
  live: z.boolean().optional(),
  error: z.object({ type: z.string(), message: z.string() }).optional(),
  warnings: z.array(z.string()).optional(),
  speculation: EngineSpeculation.optional(),
  threads: EngineThreads.optional(),
  /** When its process started. */
  started_at: Time.optional(),
  /** How often its engine was started again since then. */
  engine_restarts: Count.optional(),
  /** When its last heartbeat came, where the next one is late. */
  heard_at: Time.optional(),
  slots: Count,
  /** Tasks in hand; one more than there are slots while an outcome is stored. */
  in_hand: Count,
  /** Of the tasks that run now, together. */
  tokens_per_second: z.number().nonnegative(),
  /** Those that are in use. */
  running: z.array(NowSlot),
});
export type NowWorker = z.infer<typeof NowWorker>;

/** The latest failures, as many as `recentFailures`, by type and model. */
export const NowFailure = z.object({
  error_type: ErrorType.optional(),
  model: z.string(),
  count: z.int().positive(),
  /** Of the last of them. */
  last_at: Time,
  last_task_id: z.uuid(),
  /** Whose task that is, as subjects say it, in a page of all owners. */
  last_owner: z.string().optional(),
});
export type NowFailure = z.infer<typeof NowFailure>;

/** So many of the latest failures are looked at, of the last hour at most. */
export const recentFailures = 100;

/** A worker that fell silent without a goodbye, until somebody dismisses it. */
export const LostWorker = SeenWorker.omit({ every_ms: true });
export type LostWorker = z.infer<typeof LostWorker>;

/** How full a stream of the broker is, in bytes. `refuses`: it takes nothing more where it is full, else it drops its oldest. */
export const StreamRoom = z.object({
  name: z.string(),
  bytes: Count,
  max_bytes: z.int(),
  refuses: z.boolean(),
});
export type StreamRoom = z.infer<typeof StreamRoom>;

/** The steps whose rows a page is told, in seconds; of one owner's statistics those from a minute on. */
export const liveSteps = [10, 60, 300] as const;

/** Rows of `GET /statistics` that changed, as they are now; all of them are of the tasks that the page's key may see. */
export const NowStatistics = z.object({
  /** They count the events up to this one. */
  seq: Seq,
  steps: z.array(
    z.object({
      /** In seconds. */
      step: Count,
      rows: z.array(StatisticsRow),
    }),
  ),
});
export type NowStatistics = z.infer<typeof NowStatistics>;

const NowHealth = HealthResponse.omit({ workers: true });

export const NowSnapshot = z.object({
  view: z.literal("now"),
  seq: Seq,
  rows: z.array(NowRow),
  workers: z.array(NowWorker),
  /** The one that was heard last first. */
  lost: z.array(LostWorker),
  failures: z.array(NowFailure),
  health: NowHealth,
  streams: z.array(StreamRoom),
  /** The shortest step that `GET /statistics` has for the key, in seconds: the page reads its charts there. */
  shortest_step: Count,
});
export type NowSnapshot = z.infer<typeof NowSnapshot>;

export const NowDelta = z.object({
  seq: Seq,
  /** Those that changed. */
  rows: z.array(NowRow),
  workers: z.array(NowWorker),
  /** Ids of workers that are gone. */
  gone: z.array(z.string()),
  /** All of them, where they changed. */
  lost: z.array(LostWorker).optional(),
  streams: z.array(StreamRoom).optional(),
  /** All of them, where they changed. */
  failures: z.array(NowFailure).optional(),
  health: NowHealth.optional(),
  /** Once a second at most. */
  statistics: NowStatistics.optional(),
  /** Since the frame before. */
  counts: FeedCounts,
});
export type NowDelta = z.infer<typeof NowDelta>;
