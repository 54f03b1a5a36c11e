/** `jetscribe audit`: who read the texts of tasks, as JSON lines. */
import { scanTextReads } from "@jetscribe/event-log/audit/auditLog";
import {
  orMissing,
  streamState,
} from "@jetscribe/event-log/broker/streamState";
import type { From } from "@jetscribe/event-log/read/readLog";
import { slugOf, type RecordedTextRead } from "@jetscribe/schema";
import type { Context } from "../context.ts";
import { CliError, exitCodes } from "../exit.ts";
import { joinLog } from "../joinLog.ts";
import { parseTaskId, rangeWantedOf, slugIn } from "../options.ts";
import { count } from "../show/eventText.ts";

export interface AuditOptions {
  task?: string;
  key?: string;
  owner?: string;
  from?: string;
  to?: string;
}

/** So many records are read before they are written. */
const atOnce = 10_000;

export async function audit(
  options: AuditOptions,
  context: Context,
): Promise<void> {
  const { task } = options;
  const taskId = task === undefined ? task : parseTaskId("--task", task);
  const isWanted = wantedBy(options);
  const { fromMs, toMs = Infinity } = rangeWantedOf(options, Date.now());
  await using broker = await joinLog(context);
  const stream = broker.streams.audit;
  if ((await orMissing(streamState(broker, stream))) === undefined)
    throw new CliError(
      `the broker has no stream ${stream}: nothing was recorded yet`,
      exitCodes.unavailable,
    );
  let from: From = fromMs === undefined ? { seq: 1 } : { timeMs: fromMs };
  let skipped = 0;
  for (let more = true; more;) {
    const reads: RecordedTextRead[] = [];
    const reading = {
      ...{ taskId, from },
      onRead: (read: RecordedTextRead) => reads.push(read) === atOnce,
      onGarbage: () => void skipped++,
    };
    await scanTextReads(broker, reading, context.signal);
    const lines = reads
      .filter((read) => isWanted(read) && read.time * 1_000 < toMs)
      .map(lineOf);
    if (lines.length > 0) await context.out.write(lines.join(""));
    more = reads.length === atOnce;
    from = { seq: (reads.at(-1)?.seq ?? 0) + 1 };
  }
  if (skipped > 0)
    context.warn(`left out ${count(skipped, "message")} of another version`);
}

function wantedBy({ key, owner }: AuditOptions) {
  const slug = owner === undefined ? undefined : slugIn("--owner", owner);
  return (read: RecordedTextRead): boolean =>
    (key === undefined || read.key_id === key) &&
    (slug === undefined || slugOf(read.owner) === slug);
}

const lineOf = ({ seq, time, ...data }: RecordedTextRead): string =>
  `${JSON.stringify({ seq, time, type: "TextRead", data })}\n`;
