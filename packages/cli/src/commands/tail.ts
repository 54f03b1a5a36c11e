/** `jetscribe tail`: events as they are stored, one line each. */
import { decodeEvent } from "@jetscribe/event-log/codec/codec";
import {
  rangeOf,
  replayLog,
  type LogEvent,
} from "@jetscribe/event-log/read/replayLog";
import type { Queue, RecordedEvent } from "@jetscribe/schema";
import type { Context } from "../context.ts";
import { joinLog } from "../joinLog.ts";
import { filterOf, rangeWantedOf, type FilterOptions } from "../options.ts";
import { jsonLine } from "../show/jsonLine.ts";
import { detailsOf, textsOf, typeText } from "../show/eventText.ts";
import { plain, type Paint } from "../show/paint.ts";
import { droppedText, makeTellLag } from "../show/lag.ts";
import { makeProgress } from "../show/progress.ts";
import { clock, dateTime } from "../show/times.ts";

export interface TailOptions extends FilterOptions {
  from?: string;
  json?: boolean;
  /** Absent: JSON lines have the texts, and lines for people don't. */
  text?: boolean;
}

export async function tail(
  options: TailOptions,
  context: Context,
): Promise<void> {
  const filter = filterOf(options);
  const { from } = options;
  const wanted = rangeWantedOf(from === undefined ? {} : { from }, Date.now());
  await using broker = await joinLog(context);
  const { out, paint, signal, say, warn } = context;
  const now = await rangeOf(broker, wanted);
  const first = from === undefined ? now.last + 1 : now.first;
  using lookingBack = makeProgress("looking for the user's open tasks", {
    isQuiet: filter.user_id === undefined,
  });
  say(paint("dim", "waiting for events; Ctrl-C ends it"));
  const lines = makeLines(options, paint);
  const tellLag = makeTellLag(from === undefined, warn);
  await replayLog(
    broker,
    {
      range: { ...now, first, last: Infinity },
      filter,
      onLookBack: (seq) =>
        seq < first
          ? lookingBack.set(seq, first)
          : lookingBack[Symbol.dispose](),
      onBatch: async (events, _, pending) => {
        tellLag(pending);
        if (events.length > 0) await out.write(events.map(lines).join(""));
      },
      onDropped: (events, seq) => warn(droppedText(events, seq)),
      onInterruption: () =>
        warn("the broker is gone: waiting until it is back"),
    },
    signal,
  ).catch((error: unknown) => {
    // Ctrl-C is its usual end.
    if (!signal.aborted) throw error;
  });
}

/** Each with its line end. A day begins with its date. */
function makeLines(
  { json = false, text = json }: TailOptions,
  paint: Paint,
): (event: LogEvent) => string {
  let day = "";
  return (found) => {
    if (json) return jsonLine(found, text) ?? "";
    const decoded = decodeEvent(found.message);
    if (!("event" in decoded)) return "";
    const today = dateTime(decoded.event.time).slice(0, 10);
    const isNew = day !== today;
    day = today;
    const head = isNew ? [paint("dim", today)] : [];
    const lines = [
      ...head,
      ...describe(decoded.event, found.queue, text, paint),
    ];
    return `${lines.join("\n")}\n`;
  };
}

function describe(
  event: RecordedEvent,
  { model, owner }: Queue,
  withText: boolean,
  paint: Paint,
): string[] {
  const line = [
    paint("dim", clock(event.time)),
    typeText(event.type, paint),
    event.data.task_id,
    `${paint("cyan", model)} ${paint("dim", owner)}`,
    detailsOf(event),
  ].join("  ");
  const texts = withText ? textsOf(event) : [];
  return [
    line,
    ...texts.map(([name, text]) => `  ${paint("dim", name)}  ${plain(text)}`),
  ];
}
