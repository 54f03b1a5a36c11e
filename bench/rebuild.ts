/** How fast all of Redis is built anew from the log, beside the mere reading of that log. */
import { connectBroker } from "@jetscribe/event-log/broker/connection";
import {
  followStream,
  type Following,
} from "@jetscribe/event-log/read/readLog";
import { streams } from "@jetscribe/schema";
import { redisPrefix } from "@jetscribe/testing";
import { setTimeout as sleep } from "node:timers/promises";
import { redisCommands } from "../test/chaos/wire/redis.ts";
import { median, round, type Figures, type Options } from "./figures.ts";
import { startSystem, submit, untilDone, type System } from "./system.ts";

/** Of each: one after the other, in turns. */
const ROUNDS = 5;

export async function rebuild({ tasks }: Options): Promise<Figures> {
  await using system = await startSystem();
  for (let i = 0; i < 4; i++) {
    const { ids } = await submit(system, tasks);
    await untilDone(system, ids);
  }
  const read: number[] = [];
  const built: number[] = [];
  for (let i = 0; i < ROUNDS; i++) {
    read.push(await readAlone(system));
    built.push(await rebuildOnce(system));
  }
  const [reading, building] = [median(read), median(built)];
  return {
    [`Redis built anew from ${(await eventsIn(system)).toLocaleString("en")} events`]:
      {
        events_per_s: round(building),
        reading_alone_per_s: round(reading),
        share: round(building / reading),
      },
  };
}

/** Events per second, with the reader that the projection has too. */
async function readAlone(system: System): Promise<number> {
  const { natsUrl: url } = system.stack;
  await using broker = await connectBroker({ url, name: "bench" });
  const events = await eventsIn(system);
  const whole = new AbortController();
  let count = 0;
  const begin = performance.now();
  const following: Following = {
    stream: streams.events,
    resume: () => Promise.resolve(1),
    onBatch(messages) {
      count += messages.length;
      if (count >= events) whole.abort();
    },
  };
  await followStream(broker, following, whole.signal);
  return events / ((performance.now() - begin) / 1_000);
}

/** Events per second: from the first word of the new checkpoint until it is caught up. */
async function rebuildOnce(system: System): Promise<number> {
  const events = await eventsIn(system);
  await redisCommands(system.stack.redis.port, [["FLUSHALL"]]);
  let begin: number | undefined;
  for (;;) {
    const { seq, caughtUp } = await checkpointOf(system);
    if (seq !== undefined) begin ??= performance.now();
    if (begin !== undefined && caughtUp)
      return events / ((performance.now() - begin) / 1_000);
    await sleep(2);
  }
}

async function checkpointOf({ stack }: System) {
  const [text] = await redisCommands(stack.redis.port, [
    ["GET", `${redisPrefix}checkpoint`],
  ]);
  if (typeof text !== "string" || !text.startsWith("["))
    return { seq: undefined, caughtUp: false };
  const [, , seq, , caughtUp] = JSON.parse(text) as unknown[];
  return { seq: Number(seq), caughtUp: caughtUp === true };
}

async function eventsIn(system: System): Promise<number> {
  return (await checkpointOf(system)).seq ?? 0;
}
