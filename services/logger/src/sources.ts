/** What is read, and into which files it goes. */
import type { Delivery } from "@jetscribe/event-log/read/pull";
import { idOf } from "@jetscribe/event-log/broker/streamState";
import type { Names, TaskState } from "@jetscribe/schema";
import type { Logger, TraceProjection } from "@jetscribe/runtime";
import { hash } from "node:crypto";
import type { Checkpoint } from "./checkpoint.ts";
import type { Config } from "./config.ts";
import { formatRecord } from "./formatRecord.ts";
import { makeLogFile, type LogFile } from "./logFile.ts";
import { projectEvents, readSubjects } from "./projectEvents.ts";

/** A stream and the files that are written from it alone. */
export interface Source {
  stream: string;
  /** What of the stream is read. */
  filter?: readonly string[];
  files: LogFile[];
  /** Whether the checkpoint's tasks are this stream's. */
  hasTasks: boolean;
  /** Writes the lines of a batch into the files. Returns the tasks that changed. */
  write: (messages: readonly Delivery[]) => readonly TaskState[];
  /** Tells a message from another one at the same sequence. */
  idOf: (message: Parameters<typeof idOf>[0]) => string;
  /** Absent: no traces are asked for, or it has no outcomes. */
  traces?: TraceProjection | undefined;
}

/** EVENTS -> `llm_requests.log` and `errors.log`. */
export function eventSource(
  names: Names,
  checkpoint: Checkpoint,
  config: Config,
  log: Logger,
): Source {
  const requests = makeLogFile("llm_requests", config, checkpoint);
  const errors = makeLogFile("errors", config, checkpoint);
  return {
    stream: names.streams.events,
    filter: readSubjects(names),
    files: [requests, errors],
    hasTasks: true,
    idOf,
    write(messages) {
      const projected = projectEvents(messages, {
        taskBefore: checkpoint.task,
        withResult: config.LOG_RESULT,
        onGarbage: (seq, why) => log.warn({ seq, why }, "not an event"),
      });
      requests.append(projected.requests);
      errors.append(projected.errors);
      return [...projected.tasks.values()];
    },
  };
}

/** LOGS -> `app.log`. It must not log what it meets: that would be the next record. */
export function recordSource(
  { streams, subjects }: Names,
  checkpoint: Checkpoint,
  config: Config,
): Source {
  const prefix = subjects.log("");
  const app = makeLogFile("app", config, checkpoint);
  return {
    stream: streams.logs,
    files: [app],
    hasTasks: false,
    idOf: ({ data }) => hash("sha1", data, "base64"),
    write(messages) {
      const lines = messages.flatMap(({ subject, data, time }) => {
        const service = subject.slice(prefix.length);
        const text = formatRecord(service, data, time);
        return text === undefined ? [] : [{ text, time }];
      });
      app.append(lines);
      return [];
    },
  };
}
