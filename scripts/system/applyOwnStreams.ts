import { ConfigError } from "@jetscribe/runtime/config";
import {
  ensureStreams,
  type EnsuredStreams,
} from "@jetscribe/runtime/streams/ensureStreams";
import { TopologyError } from "@jetscribe/event-log/streams/topology";
import { StreamsRefusedError } from "@jetscribe/event-log/streams/streamPlan";
import { setTimeout as sleep } from "node:timers/promises";
import { green, red, say, step, yellow } from "../install/print.mjs";
import type { Env } from "../install/project.mjs";

const withinMs = 10_000;
const againMs = 5_000;

/**
 * `npm start` is the operator of its own broker, whose streams no service may make or change. At each start, before the
 * services come up, it makes the streams that are missing and changes those that stand otherwise than the settings say. A
 * refused change is said; the services then go on with what is there, or name what they can't work with. A stream that
 * can't be made, as on a full disk, is tried again until it is there: the services wait for it.
 */
export async function applyOwnStreams(
  env: Env,
  stopping: AbortSignal,
): Promise<void> {
  const ensure = () =>
    ensureStreams(
      env,
      AbortSignal.any([stopping, AbortSignal.timeout(withinMs)]),
    );
  try {
    sayRefused(await step("looking at the streams", ensure));
  } catch (error) {
    if (stopping.aborted) return;
    const passes = mayPass(error);
    const again = passes
      ? `, and are tried again every ${againMs / 1_000} s`
      : "";
    say(red(`The streams can't be made${again}:\n${(error as Error).message}`));
    if (passes) void keepTrying(ensure, stopping);
  }
}

/** The services wait meanwhile. */
async function keepTrying(
  ensure: () => Promise<EnsuredStreams>,
  stopping: AbortSignal,
): Promise<void> {
  while (!stopping.aborted) {
    await sleep(againMs, undefined, { signal: stopping }).catch(() => {});
    const done = await ensure().catch(() => undefined);
    if (done === undefined) continue;
    sayRefused(done);
    return say(green("The streams are there now."));
  }
}

/** What the broker can't be used for stays so; the services name it too. */
const mayPass = (error: unknown): boolean =>
  error instanceof StreamsRefusedError ||
  !(error instanceof TopologyError || error instanceof ConfigError);

function sayRefused({ refused }: EnsuredStreams): void {
  if (refused.length > 0)
    say(yellow(`Streams that stay as they are:\n${refused.join("\n")}`));
}
