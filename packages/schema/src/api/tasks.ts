/** Lists of tasks: what a caller can ask for, and what is answered. */
import * as z from "zod";
import { ErrorType, Lane } from "../generate/events.ts";
import { Group, Metadata, printable, UserId } from "./labels.ts";

/** In the order of a task's life. */
export const TaskStatus = z.enum([
  "queued",
  "processing",
  "completed",
  "failed",
  "cancelled",
]);
export type TaskStatus = z.infer<typeof TaskStatus>;

/** Seconds since the epoch. The longest time that a task id can have is beyond the year 10000. */
const Time = z.number().min(0).max(2.8e11);

const OwnerName = z.string().min(1).max(256);

/** Stands for every owner in lists; a key needs the scope `admin` to say so. */
export const allOwners = "*";

/** Which of an owner's tasks are meant; a task has to match all that is given. */
export const TaskFilter = z.strictObject({
  status: z
    .array(TaskStatus)
    .min(1)
    .optional()
    .meta({ description: "One of these." }),
  user_id: UserId.optional().meta({ description: "As the request gave it." }),
  model: z
    .string()
    .min(1)
    .max(256)
    .optional()
    .meta({ description: "The model's name.", example: "demo" }),
  lane: Lane.optional(),
  metadata: Metadata.optional().meta({
    description: "Each of these pairs is among the task's.",
    example: { order: "A-17" },
  }),
  group: Group.optional().meta({
    description: "The group that the request named.",
    example: "report-42",
  }),
  error: z
    .string()
    .min(1)
    .max(256)
    .refine((text) => printable.test(text), "printable characters only")
    .optional()
    .meta({
      description:
        "It failed, and `error_type: error_message` of the list contains this; A to Z and a to z are the same.",
      example: "out of memory",
    }),
  after: Time.optional().meta({
    description:
      "Accepted at this time or later, in seconds since the epoch, by the time in the task's id.",
  }),
  before: Time.optional().meta({
    description: "Accepted before this time, in seconds since the epoch.",
  }),
  owner: OwnerName.refine((name) => name !== allOwners, "expected one owner")
    .optional()
    .meta({
      description:
        "The name of the API key whose tasks are meant; the caller's own if absent. Another one needs the scope `admin`.",
    }),
});
export type TaskFilter = z.infer<typeof TaskFilter>;

/** A page has at most so many tasks. */
export const maxTasksPerPage = 100;

/** Where a page ends: 16 or 17 bytes in base64url. */
const Cursor = z
  .string()
  .regex(/^[\w-]{22,23}$/, "expected a cursor of a page");

/** Of lists, which can be of all owners. */
export const ListFilter = TaskFilter.extend({
  owner: OwnerName.optional().meta({
    description:
      "The name of the API key whose tasks are meant; the caller's own if absent. Another one needs the scope `admin`, and so does `*`, which means every owner.",
  }),
});

/** `ListFilter` as a query says it: texts, a list with commas, and a pair of metadata as `metadata.KEY=VALUE`. */
export const TaskListQuery = z.preprocess(
  fromQuery,
  ListFilter.extend({
    status: TaskFilter.shape.status.meta({
      description: "One of these; several with commas.",
    }),
    metadata: TaskFilter.shape.metadata.meta({
      description:
        "Pairs that are among the task's, each as a parameter `metadata.KEY=VALUE`.",
    }),
    limit: z.int().min(1).max(maxTasksPerPage).default(20).meta({
      description: "A page has at most so many tasks; it may have fewer.",
    }),
    cursor: Cursor.optional().meta({
      description: "`next_cursor` of the page before.",
    }),
    at: z.int().nonnegative().optional().meta({
      description:
        "The tasks as they were right after the event at this sequence of the log.",
    }),
  }),
);
export type TaskListQuery = z.infer<typeof TaskListQuery>;

/** Their values stand with commas. */
const lists: ReadonlySet<string> = new Set(["status", "type"]);
const numbers: ReadonlySet<string> = new Set([
  ...["after", "at", "before", "limit"],
  ...["from", "to", "step"],
]);

export function fromQuery(query: unknown): unknown {
  if (typeof query !== "object" || query === null) return query;
  // As a Map: an object has no field `__proto__` that could be refused.
  const fields = new Map<string, unknown>();
  const metadata: [string, unknown][] = [];
  for (const [name, value] of Object.entries(query)) {
    const [, key] = /^metadata\.(.*)$/s.exec(name) ?? [];
    // Zod passes over this key, and the filter would match more than was asked for.
    if (key !== undefined && key !== "__proto__") metadata.push([key, value]);
    else if (lists.has(name))
      fields.set(
        name,
        [value].flat().flatMap((text) => String(text).split(",")),
      );
    else fields.set(name, numbers.has(name) ? numberOf(value) : value);
  }
  if (metadata.length > 0) fields.set("metadata", Object.fromEntries(metadata));
  return Object.fromEntries(fields);
}

/** What is no number stays as it is, and is refused. */
const numberOf = (value: unknown): unknown =>
  typeof value === "string" && value.trim() !== "" ? Number(value) : value;

const StoredTime = z.number().meta({
  description: "When the broker stored that, in seconds since the epoch.",
});

export const ListedTask = z.object({
  task_id: z.uuid().meta({ description: "A UUIDv7." }),
  status: TaskStatus,
  model: z.string().meta({ description: "The model's name." }),
  lane: Lane,
  owner: z.string().optional().meta({
    description:
      "Whose task it is, as subjects say it, in a list of all owners.",
  }),
  attempt: z.int().meta({ description: "Starts so far." }),
  requested_at: StoredTime,
  started_at: StoredTime.optional().meta({
    description:
      "When the broker stored its first start; absent where there is none.",
  }),
  ended_at: StoredTime.optional().meta({
    description: "When the broker stored its outcome.",
  }),
  not_before: z.number().optional().meta({
    description:
      "It is not started before this time, in seconds since the epoch; absent where its request names none.",
  }),
  error_type: ErrorType.optional().meta({ description: "Of a failed task." }),
  error_message: z.string().optional().meta({
    description:
      "Of a failed task: the first 256 characters, on one line; fewer of scripts that take many bytes. `GET /result` has all of it.",
  }),
  user_id: z.string().optional(),
  metadata: z.record(z.string(), z.string()).optional(),
  group: z.string().optional(),
});
export type ListedTask = z.infer<typeof ListedTask>;

export const TaskListResponse = z.object({
  tasks: z.array(ListedTask).meta({ description: "The newest first." }),
  next: z.string().optional().meta({
    description:
      "The path of the next page; absent where there are no more tasks.",
  }),
  next_cursor: z.string().optional().meta({
    description: "The `cursor` of the next page.",
  }),
});
export type TaskListResponse = z.infer<typeof TaskListResponse>;

const dryRun = z.boolean().default(false).meta({
  description: "Count the tasks that match, and do nothing.",
});
/** Where the call before ended. */
const goOn = Cursor.optional().meta({
  description: "`next_cursor` of the call before: go on with older tasks.",
});

/** Which unfinished tasks are to be cancelled; with no field at all of the filter, every one of the caller's. */
export const CancelTasksRequest = TaskFilter.omit({ error: true }).extend({
  status: z
    .array(z.enum(["queued", "processing"]))
    .min(1)
    .default(["queued", "processing"])
    .meta({ description: "One of these." }),
  dry_run: dryRun,
  cursor: goOn,
});
export type CancelTasksRequest = z.infer<typeof CancelTasksRequest>;

/** Which ended tasks are to be run again: one's own. */
export const RetryTasksRequest = TaskFilter.omit({ owner: true }).extend({
  status: z
    .array(z.enum(["completed", "failed", "cancelled"]))
    .min(1)
    .default(["failed"])
    .meta({ description: "One of these." }),
  dry_run: dryRun,
  cursor: goOn,
});
export type RetryTasksRequest = z.infer<typeof RetryTasksRequest>;

export const TasksActedOnResponse = z.object({
  dry_run: z.boolean(),
  matched: z.int().meta({
    description:
      "Of a dry run: all tasks that match. Else those that this call acted on.",
  }),
  results: z.record(z.string(), z.int()).meta({
    description:
      "How many tasks had each result: `cancelled` or `accepted`, or the word of the problem that a call for the one task would have had.",
  }),
  next_cursor: z.string().optional().meta({
    description:
      "There may be more tasks: send the call again with this `cursor`.",
  }),
});
export type TasksActedOnResponse = z.infer<typeof TasksActedOnResponse>;
