/** The one logger of a service: lines on stdout, and a copy towards a sink that comes later (the broker). */
import pino from "pino";
import * as z from "zod";
import { jsonRecord } from "./jsonRecord.ts";

export type Logger = pino.Logger;

export const LogLevel = z.enum([
  "trace",
  "debug",
  "info",
  "warn",
  "error",
  "fatal",
]);
export type LogLevel = z.infer<typeof LogLevel>;

/** What stdout gets. text: pino's records, which `npm start` prints as text; json: records as log collectors read them. */
export const LogFormat = z.enum(["text", "json"]);
export type LogFormat = z.infer<typeof LogFormat>;

/** Takes one record as its JSON text; false: not now, the record is dropped. It must not log. */
export type LogSink = (line: string) => boolean;

/** Records that wait for the sink to be attached. */
const waitingMax = 1_000;
const maxCauses = 5;

/** stdout gets every record of `level` and up, the sink those of info and up among them, as pino writes them. */
export function makeLogger(settings: {
  service: string;
  level: LogLevel;
  format?: LogFormat;
}): {
  log: Logger;
  /** Hands over what was logged so far, and from now on every record. */
  attach: (sink: LogSink) => void;
} {
  const relay = makeRelay((dropped) =>
    log.warn({ dropped }, "log records dropped"),
  );
  const log = pino(
    {
      level: settings.level,
      base: { service: settings.service },
      serializers: { err: serializeError },
    },
    pino.multistream([
      { level: settings.level, stream: toStdout(settings.format) },
      {
        level: "info",
        stream: { write: (text) => relay.write(text.trimEnd()) },
      },
    ]),
  );
  return { log, attach: relay.attach };
}

/** Synchronous, so that nothing is left to be flushed when the process exits. */
function toStdout(format: LogFormat = "text"): { write(line: string): void } {
  const stdout = pino.destination({ sync: true });
  if (format === "text") return stdout;
  return { write: (line) => void stdout.write(`${jsonRecord(line)}\n`) };
}

/** Keeps lines until there is a sink, and counts those that it refuses; `report` says how many, once it takes lines again. */
function makeRelay(report: (dropped: number) => void) {
  const waiting: string[] = [];
  let sink: LogSink | undefined;
  let dropped = 0;

  function take(line: string): boolean {
    if (sink === undefined)
      return waiting.length < waitingMax && waiting.push(line) > 0;
    try {
      return sink(line);
    } catch {
      return false; // a log call never throws, whatever became of the broker
    }
  }

  function write(line: string): void {
    if (!take(line)) {
      dropped++;
      return;
    }
    if (dropped === 0 || sink === undefined) return;
    const lost = dropped;
    dropped = 0;
    report(lost);
    if (dropped > 0) dropped = lost; // the report was refused too: once more later
  }

  function attach(to: LogSink): void {
    sink = to;
    for (const line of waiting.splice(0)) write(line);
  }

  return { write, attach };
}

/** An error without what libraries hang on theirs: commands, bodies and headers have no place in a log. */
function serializeError(error: unknown, causes = 0): object {
  if (!(error instanceof Error))
    return { type: typeof error, message: String(error) };
  const { message, stack, cause } = error;
  return {
    type: error.name,
    message,
    stack,
    ...("code" in error && { code: error.code }),
    ...(cause !== undefined &&
      causes < maxCauses && { cause: serializeError(cause, causes + 1) }),
  };
}
