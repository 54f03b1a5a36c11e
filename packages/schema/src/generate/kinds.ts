/** What kinds of events there are, without their schemas: browsers load it, and no zod with it. */

/** By type: its word in the subject, and whether it ends the task. */
export const kinds = {
  GenerateRequested: { word: "requested", outcome: false },
  GenerateStarted: { word: "started", outcome: false },
  GenerateRetried: { word: "retried", outcome: false },
  GenerateCompleted: { word: "completed", outcome: true },
  GenerateFailed: { word: "failed", outcome: true },
  GenerateCancelled: { word: "cancelled", outcome: true },
} as const;

export type EventType = keyof typeof kinds;
export type EventWord = (typeof kinds)[EventType]["word"];

/** The words of the outcomes. */
export const outcomeWords = ["completed", "failed", "cancelled"] as const;

/** The calls by request and reply on NATS; each is the last token of its subject. */
export const apiCalls = ["generate", "result", "cancel"] as const;
export type ApiCall = (typeof apiCalls)[number];

/** Why a task was cancelled. */
export const cancelReasons = {
  asked: "asked for by its owner",
  deadline: "its cancel_after_ms was over",
  superseded: "a newer task of its group took its place",
} as const;
