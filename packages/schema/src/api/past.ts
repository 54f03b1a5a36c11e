/** The system at a moment of the past, and the log's events: what a caller can ask for, and what is answered. */
import * as z from "zod";
import { Lane } from "../generate/events.ts";
import { EventTypes, FeedEvent, NowFailure, NowRow } from "./feed.ts";
import { fromQuery, ListFilter } from "./tasks.ts";

/** A moment of the log: the sequence of the last event that counts; 0: before the first one. */
export const Moment = z.int().nonnegative().max(Number.MAX_SAFE_INTEGER);

const Time = z.number().min(0).max(2.8e11);
const Count = z.int().nonnegative();

/** Texts of a query as numbers, where they are such. */
const withNumbers = (query: unknown): unknown => {
  const fields = fromQuery(query);
  if (typeof fields !== "object" || fields === null) return fields;
  const entries = Object.entries(fields).map(
    ([name, value]: [string, unknown]) =>
      [name, numbers.has(name) ? numberOf(value) : value] as const,
  );
  return Object.fromEntries(entries);
};
const numbers: ReadonlySet<string> = new Set(["seq", "time", "buckets"]);
const numberOf = (value: unknown): unknown =>
  typeof value === "string" && value.trim() !== "" ? Number(value) : value;

export const MomentQuery = z.preprocess(
  withNumbers,
  z
    .strictObject({
      seq: Moment.optional().meta({
        description: "The moment right after the event at this sequence.",
      }),
      time: Time.optional().meta({
        description:
          "The moment after the last event that was stored at or before this time, in seconds since the epoch; not beside `seq`.",
      }),
    })
    .refine(({ seq, time }) => seq === undefined || time === undefined, {
      path: ["time"],
      message: "not beside seq",
    }),
);
export type MomentQuery = z.infer<typeof MomentQuery>;

export const KeysQuery = z.preprocess(
  withNumbers,
  z.strictObject({
    time: Time.optional().meta({
      description:
        "The keys as they were at this time, in seconds since the epoch.",
    }),
  }),
);

/** What the log holds now. */
const LogRange = z.object({
  first_seq: Count.meta({ description: "Of the log's first event." }),
  last_seq: Count.meta({ description: "Of its last one." }),
});

export const MomentResponse = LogRange.extend({
  seq: Moment.meta({ description: "The last event that counts." }),
  time: Time.optional().meta({
    description:
      "When that event was stored, in seconds since the epoch; absent where the log does not have it.",
  }),
  event: FeedEvent.optional().meta({
    description: "That event, where the caller may see it.",
  }),
  rows: z.array(NowRow.omit({ later: true })).meta({
    description:
      "What waited and ran then, by model and lane; without `eta`. `queued` counts the tasks that waited for their `not_before` too.",
  }),
  failures: z.array(NowFailure).meta({
    description: "The failures of the hour before, by type and model.",
  }),
});
export type MomentResponse = z.infer<typeof MomentResponse>;

export const DensityQuery = z.preprocess(
  withNumbers,
  z.strictObject({
    buckets: z.int().min(1).max(1_000).default(120).meta({
      description: "So many at most.",
    }),
  }),
);

export const DensityResponse = LogRange.extend({
  from: Time.meta({
    description: "When the first bucket begins, in seconds since the epoch.",
  }),
  bucket_s: z.number().positive().meta({
    description: "The length of a bucket in seconds; ten at least.",
  }),
  events: z.array(Count).meta({
    description: "How many events were stored in each bucket.",
  }),
});
export type DensityResponse = z.infer<typeof DensityResponse>;

export const maxEventsPerPage = 500;

export const LogQuery = z.preprocess(
  fromQuery,
  z
    .strictObject({
      type: EventTypes.optional().meta({
        description: "One of these; several with commas.",
      }),
      model: ListFilter.shape.model,
      lane: Lane.optional(),
      owner: ListFilter.shape.owner.meta({
        description:
          "The name of the API key whose tasks are meant; the caller's own if absent. Another one needs the scope `admin`, and so does `*`, which means every owner.",
      }),
      before: Moment.optional().meta({
        description: "Only events before this sequence, the newest first.",
      }),
      after: Moment.optional().meta({
        description:
          "Only events behind this sequence, the oldest first; not beside `before`.",
      }),
      limit: z.int().min(1).max(maxEventsPerPage).default(100).meta({
        description: "A page has at most so many events; it may have fewer.",
      }),
    })
    .refine(
      ({ before, after }) => before === undefined || after === undefined,
      {
        path: ["after"],
        message: "not beside before",
      },
    ),
);
export type LogQuery = z.infer<typeof LogQuery>;

export const LogResponse = LogRange.extend({
  events: z.array(FeedEvent).meta({
    description: "The newest first; with `after` the oldest first.",
  }),
  next: z.string().optional().meta({
    description: "The path of the next page; absent where there are no more.",
  }),
});
export type LogResponse = z.infer<typeof LogResponse>;
