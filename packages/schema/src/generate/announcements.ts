/** What services say of themselves on core NATS, every 2 s; nothing of it is stored. */
import * as z from "zod";
import { Lane } from "./events.ts";
import {
  announceEveryMs,
  announcePerPeerMs,
  goneAfterMs,
} from "./protocolTimes.ts";

/**
 * How often a worker announces itself that hears `peers` others of its model, in ms. Each hears all others, so with many
 * workers the announcements' number would grow with the square of theirs: from 200 on each announces itself less often.
 */
export const announceEvery = (peers: number): number =>
  Math.max(announceEveryMs, peers * announcePerPeerMs);

/** A worker that was silent for so long, in ms, is gone: it missed three announcements. */
export const goneAfter = ({
  every_ms = announceEveryMs,
}: Pick<WorkerAnnouncement, "every_ms">): number =>
  (goneAfterMs / announceEveryMs) * every_ms;

export const EngineThreads = z
  .object({
    /** For a token of one answer; for one of each of several, in the latest such step; for a piece of a prompt. */
    alone: z.int().positive(),
    together: z.int().positive(),
    prompts: z.int().positive(),
    /** Why they are not what they were before. */
    because: z.string(),
  })
  .meta({
    description:
      "CPU threads of an engine that chooses them while it runs: for one answer alone, for several together, and for prompts; and why.",
  });
export type EngineThreads = z.infer<typeof EngineThreads>;

export const EngineSpeculation = z
  .object({
    mode: z.enum(["off", "on", "auto"]),
    /** Why it is off though it was asked for. */
    because: z.string().optional(),
    /** The file of the model that guesses; absent: the prompt lookup does. */
    draft_model: z.string().optional(),
    /** Guessed and decoded for tasks that were completed, since the engine's start. */
    drafted_tokens: z.int().nonnegative(),
    /** Of these, those that the model wrote itself. */
    accepted_tokens: z.int().nonnegative(),
  })
  .meta({
    description:
      "Tokens guessed ahead of the model by prompt lookup or a draft model: whether that is on, and how many of them the model then wrote itself.",
  });
export type EngineSpeculation = z.infer<typeof EngineSpeculation>;

/** Times are in seconds since the epoch. */
export const RunningTask = z.object({
  task_id: z.string(),
  /** A slug. */
  owner: z.string(),
  lane: Lane,
  attempt: z.int().positive(),
  started_at: z.number(),
  first_token_at: z.number().optional().meta({
    description: "Absent while the engine reads the prompt.",
  }),
  tokens: z.int().nonnegative().meta({
    description:
      "Written so far, those of earlier attempts that were kept too.",
  }),
  tokens_per_second: z.number().nonnegative().optional().meta({
    description: "Of this attempt, from its first token on.",
  }),
});
export type RunningTask = z.infer<typeof RunningTask>;

/** On `llm.workers.<model>.<worker_id>`. */
export const WorkerAnnouncement = z.object({
  /** New for every process. */
  worker_id: z.string(),
  model: z.string(),
  engine: z.string(),
  model_loaded: z.boolean(),
  live: z.boolean().optional().meta({
    description:
      "It has lately produced a token: for a task, or while it has none for a probe of its own.",
  }),
  /** Why the model is not loaded. */
  error: z.object({ type: z.string(), message: z.string() }).optional(),
  slots: z.int().nonnegative(),
  /** `cuda`, `vulkan`, `metal` or `cpu`; `cpu (no cuda)` where another one was asked for. */
  device: z.string().optional(),
  threads: EngineThreads.optional(),
  speculation: EngineSpeculation.optional(),
  warnings: z.array(z.string()).optional().meta({
    description:
      "What is not as it was asked for: no GPU, fewer layers on it, fewer slots.",
  }),
  /** The broker, though connected, does not answer what the worker writes. */
  unanswered: z.boolean().optional(),
  /** With all slots in use, prompts counted too, by the latest tasks; absent until one was finished. */
  tokens_per_second: z.number().nonnegative().optional(),
  started_at: z.number().optional().meta({
    description: "When its process started, in seconds since the epoch.",
  }),
  engine_restarts: z.int().nonnegative().optional().meta({
    description:
      "How often its engine ended and was started again since then: it crashed, it hung, or its model could not be loaded.",
  }),
  /** The next announcement comes within so many ms; 2,000 where it doesn't say. */
  every_ms: z.number().positive().optional(),
  /** Ids of all tasks in hand: from delivery until the outcome's PubAck or the nak. */
  tasks: z.array(z.string()),
  /** Those of them that the engine works on. */
  running: z.array(RunningTask).optional(),
  /** The worker says goodbye: it is gone as of now. */
  leaving: z.boolean().optional(),
});
export type WorkerAnnouncement = z.infer<typeof WorkerAnnouncement>;

/** A worker as it was last heard, kept after its end. */
export const SeenWorker = WorkerAnnouncement.pick({
  worker_id: true,
  model: true,
  engine: true,
  device: true,
  slots: true,
  error: true,
  started_at: true,
  engine_restarts: true,
  every_ms: true,
}).extend({
  last_heard_at: z.number().meta({
    description:
      "When its last heartbeat was heard, in seconds since the epoch; to half a minute where no gateway was there when it fell silent.",
  }),
});
export type SeenWorker = z.infer<typeof SeenWorker>;

/** Room on the disk that a service writes to, in bytes. */
export const DiskRoom = z
  .object({ free: z.int().nonnegative(), total: z.int().positive() })
  .meta({
    description:
      "Room on the disk that the service writes to, in bytes: the results service its index, the logger its files.",
  });
export type DiskRoom = z.infer<typeof DiskRoom>;

/** What is unfinished in the log, and what its outcomes may need there; sizes in bytes. */
const OpenWork = z.object({
  tasks: z.int().nonnegative(),
  /** Their `max_tokens` together. */
  tokens: z.int().nonnegative(),
  /** What their outcomes have beside the text. */
  bytes: z.int().nonnegative(),
  bytesPerToken: z.number().positive(),
});

/** What the oldest events of the log are kept for. */
export const LogHeld = z.object({
  by: z.string(),
  /** From there to the log's end, as a share of EVENTS_MAX_BYTES. */
  share: z.number().nonnegative(),
  /** Of an unfinished request; slugs. */
  model: z.string().optional(),
  owner: z.string().optional(),
});
export type LogHeld = z.infer<typeof LogHeld>;

/** On `llm.projections.<name>`: how far a projection has come. */
export const ProjectionAnnouncement = z.object({
  name: z.string(),
  instance: z.string(),
  leading: z.boolean(),
  /** The last sequence of EVENTS that it has taken in. */
  seq: z.int().nonnegative(),
  caught_up: z.boolean(),
  /** Why it stands still. */
  error: z.string().optional(),
  /** Of the projection into Redis, as of `seq`. */
  open: OpenWork.optional(),
  disk: DiskRoom.optional(),
  log_held: LogHeld.optional(),
});
export type ProjectionAnnouncement = z.infer<typeof ProjectionAnnouncement>;
