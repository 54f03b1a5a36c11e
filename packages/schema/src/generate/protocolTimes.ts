/**
 * The times that services rely on of each other. What has to hold between them is tested in
 * `protocolTimes.unit.test.ts`. A time that no other service relies on stands in the file that uses it.
 */

// Heartbeats

/** A worker or a projection announces itself so often. */
export const announceEveryMs = 2_000;
/** A service that was silent for so long is gone, if the listener listened that long: it missed three announcements. */
export const goneAfterMs = 3 * announceEveryMs;
/** For each worker of the model that is heard so much lies at least between two announcements of one worker. */
export const announcePerPeerMs = 10;
/** A model whose workers were silent for so long has none: one that starts again or loads another model is heard sooner. */
export const modelUnservedAfterMs = 60_000;
/** A reader of the log that was silent for so long is given up: it will miss what the log drops. */
export const readerGivenUpAfterMs = 24 * 3_600_000;

// Leading the projection

/** The leader of the projection writes its checkpoint at least so often, and feeds the task index. */
export const leaderBeatEveryMs = 250;
/** A checkpoint that stood still for so long has no leader. */
export const leaderGoneAfterMs = 1_250;
/** A task index that was not fed for so long reads the log by itself. */
export const indexStarvedAfterMs = 750;

// Storing once

/** The broker stores a message id once within this window: its default, which no stream of ours changes. */
export const duplicateWindowMs = 120_000;
/** A publish waits so long for the broker's answer. */
export const publishTimeoutMs = 5_000;
/** An event that may have been stored is published again for so long. */
export const repeatForMs = duplicateWindowMs / 2;
/** A caller's idempotency key stands for its task for so long. */
export const idempotencyKeyForMs = 24 * 3_600_000;
/** A task that was surely open may be given its outcome for so long without another look into the log. */
export const openForMs = duplicateWindowMs / 4;
/** The gateway repeats the publish of a request for so long, and answers 503 then. */
export const repeatRequestForMs = 5_000;
/** The gateway repeats the publish of a cancel for so long, and answers 503 then. */
export const repeatCancelForMs = 10_000;
/** A worker remembers a cancel that it heard for so long: the task's delivery may come after it. */
export const rememberCancelForMs = 60_000;
/** A broker whose answers are missing for so long stores nothing: one answer that is late means nothing yet. */
export const storesNothingAfterMs = 3_000;
/** Whoever needs an answer of the broker publishes again within this time, so a longer quiet says nothing. */
export const publishedAgainWithinMs = 15_000;

// Looking up a task

/** The time in a task's id may run ahead of the clock by so much, where many ids are made in one millisecond. */
export const taskIdAheadMs = 1_000;
/** The time in a task's id is off the broker's by less than this. */
export const taskIdOffByMs = 120_000;
/** The projection may take so long to catch up before the log is read instead. */
export const projectionPatienceMs = 2_000;
/** The task index waits so long to have read up to what it is asked about. */
export const indexPatienceMs = 1_000;
/** Whoever asks the task index waits so long for its answer. */
export const indexAnswersWithinMs = 1_500;
/** The gateway looks for a task in the log for so long, and asks the task index for a list for so long. */
export const gatewayLookUpMs = 5_000;
/** A worker looks for a task in the log for so long. */
export const workerLookUpMs = 10_000;

// Work queues and leases

/** The consumer of a queue that had no work for so long is removed. */
export const queueIdleForMs = 3_600_000;
/** The gateway trusts for so long that a queue which it has seen is there: well before it may be removed. */
export const queueTrustedForMs = queueIdleForMs / 6;
/** A worker looks so often for work that no wake-up told of. */
export const fallbackLookEveryMs = 5_000;

/** How a worker keeps the lease of a delivery. The broker delivers a request again `ackWaitMs` after its last renewal. */
export const leaseTimes = (ackWaitMs: number) => ({
  /** A renewal is sent so long after the one before it, and waits so long for its answer. */
  renewEveryMs: ackWaitMs / 3,
  /** A renewal proves the lease only if it was sent so soon after the one before it. */
  provesForMs: ackWaitMs - ackWaitMs / 5,
  /** The worker looks so often at what is due. */
  checkEveryMs: ackWaitMs / 15,
});

// Ending what no worker ends

/** A started task is ended from outside so long after its times are over: whoever ran it is surely gone. */
export const endStartedAfterS = 60;
/** A running task is cancelled from outside so long after its cancel_after_ms is over: its worker does so at once. */
export const cancelRunningAfterS = 5;
/** The leading results service looks so often for tasks that are past their time. */
export const overdueLookEveryMs = 2_000;
/** A task that is so long past its time and has no outcome makes `/health` degraded. */
export const overdueToldAfterS = 10;
