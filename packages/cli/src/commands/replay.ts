/** `jetscribe replay`: events as JSON lines or as CSV, in the log's order. */
import { rangeOf, replayLog } from "@jetscribe/event-log/read/replayLog";
import type { Context } from "../context.ts";
import { joinLog } from "../joinLog.ts";
import {
  filterOf,
  rangeWantedOf,
  type FilterOptions,
  type RangeOptions,
} from "../options.ts";
import { csvHead, csvLine } from "../show/csvLine.ts";
import { count } from "../show/eventText.ts";
import { jsonLine } from "../show/jsonLine.ts";
import { droppedText } from "../show/lag.ts";
import { makeProgress } from "../show/progress.ts";

export type ReplayOptions = FilterOptions &
  RangeOptions & {
    format: "json" | "csv";
    /** False: `--no-text`. */
    text: boolean;
  };

/** A line is written with others up to so many UTF-16 code units: each write costs a system call. */
const chunkLength = 256 * 1_024;

export async function replay(
  options: ReplayOptions,
  context: Context,
): Promise<void> {
  const filter = filterOf(options);
  const wanted = rangeWantedOf(options, Date.now());
  await using broker = await joinLog(context);
  const { out, signal, warn } = context;
  const lineOf = options.format === "csv" ? csvLine : jsonLine;
  const range = await rangeOf(broker, wanted);
  const { first, last, dropped } = range;
  if (dropped > 0)
    warn(
      `the log has dropped ${count(dropped, "event")} behind --after: it goes on at ${first}`,
    );
  using progress = makeProgress("replay", { isQuiet: out.isTerminal });
  const all = last - first + 1;
  let skipped = 0;
  let chunk = options.format === "csv" ? csvHead : "";
  const write = async () => {
    await out.write(chunk);
    chunk = "";
  };
  await replayLog(
    broker,
    {
      range,
      filter,
      onLookBack: (seq) => progress.set(seq, first, "looking back"),
      onBatch: async (events, seq) => {
        for (const event of events) {
          const line = lineOf(event, options.text);
          if (line === undefined) skipped++;
          else chunk += line;
          if (chunk.length > chunkLength) await write();
        }
        progress.set(seq - first + 1, all);
      },
      onDropped: (events, seq) => warn(droppedText(events, seq)),
      onInterruption: () =>
        warn("the broker is gone: waiting until it is back"),
    },
    signal,
  );
  if (chunk !== "") await write();
  if (skipped > 0)
    warn(`left out ${count(skipped, "message")} whose body is no JSON object`);
}
