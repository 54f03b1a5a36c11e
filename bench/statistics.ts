/** What the statistics cost a task, how large they are, and what an answer costs. */
import { encodeEvent } from "@jetscribe/event-log/codec/codec";
import { makeNames, newTaskId, type Queue } from "@jetscribe/schema";
import { completed } from "@jetscribe/schema/test/taskEventsTestKit";
import { execFileSync } from "node:child_process";
import { median, round, type Figures, type Options } from "./figures.ts";
import {
  BEGIN,
  cpuUsOf,
  lifeOf,
  noteLife,
  openFold,
  queue,
} from "./folding.ts";

/** The fold writes once for so many tasks under load, and once for each where they come one by one. */
const GATHERED = 2_048;
const TURNS = 7;

const names = makeNames();

export function statistics({ tasks }: Options): Promise<Figures> {
  const headers = Array.from({ length: TURNS }, () => headerUs(tasks));
  return Promise.resolve({
    "statistics, CPU per task, µs": {
      gathered: foldUs(tasks, GATHERED),
      one_by_one: foldUs(tasks, 1),
      header: round(median(headers)),
    },
    "statistics, bytes": sizes(),
    ...week(),
  });
}

/** More than where only the place in the log is written as often, in turns, each in a process of its own. */
function foldUs(tasks: number, flushEvery: number): number {
  const turn = new URL("foldTurn.ts", import.meta.url).pathname;
  const us = (withStatistics: number) => {
    const args = [turn, tasks, flushEvery, withStatistics].map(String);
    return Number(execFileSync(process.execPath, args));
  };
  const turns = Array.from({ length: TURNS }, () => [us(1), us(0)] as const);
  return round(
    median(turns.map(([withThem]) => withThem)) -
      median(turns.map(([, without]) => without)),
  );
}

/** What an outcome's header more costs its worker. */
function headerUs(count: number): number {
  const event = completed(newTaskId());
  const options = { names, source: "bench", now: new Date() };
  const { metrics, ...data } = event.data as { metrics: object };
  const bare = { ...event, data } as unknown as typeof event;
  const encode = (one: typeof event) =>
    cpuUsOf(count, () => {
      for (let i = 0; i < count; i++) encodeEvent(one, queue, options);
    });
  const without = encode(bare);
  return encode(event) - without - bodyUs(metrics, count);
}

const bodyUs = (metrics: object, count: number): number =>
  cpuUsOf(count, () => {
    for (let i = 0; i < count; i++) JSON.stringify(metrics);
  });

/** Of a model and lane, and of an owner, of which a task ends each second. */
function sizes(): Record<string, number> {
  using opened = openFold();
  const { folded, file, bytes } = opened;
  const minutes = 1_000;
  for (let i = 0; i < 60 * minutes; i++) {
    noteLife(folded, lifeOf(i, BEGIN + i));
    if (i % 600 === 0) file.atomically(folded.write);
  }
  file.atomically(folded.write);
  const all = file.sql
    .all`SELECT count(*) AS n, avg(length(data)) AS bytes FROM statistics GROUP BY series ORDER BY series`;
  const [s10, minute, five, hour, ownerMinute, ownerHour] = all.map(
    ({ bytes }) => round(Number(bytes)),
  );
  return {
    rows: all.reduce((sum, { n }) => sum + Number(n), 0),
    file: bytes(),
    ...{ ten_seconds: s10!, minute: minute!, five_minutes: five!, hour: hour! },
    ...{ owner_minute: ownerMinute!, owner_hour: ownerHour! },
  };
}

const MODELS = 10;
const WEEK_S = 7 * 86_400;

const questions = {
  "a week in hours": { from: 0, step: 3_600 },
  "a day in five minutes": { from: WEEK_S - 86_400, step: 300 },
  "a week in hours by model, the first answer": {
    ...{ from: 0, step: 3_600, byModel: true, histograms: true },
  },
};

/** What answers cost where ten models have been used in both lanes every minute of a week. */
function week(): Figures {
  using opened = openFold();
  const { folded, file, bytes } = opened;
  const queues: Queue[] = Array.from({ length: 2 * MODELS }, (_, i) => ({
    ...{ model: `model-${i >> 1}`, owner: "a" },
    lane: i % 2 === 0 ? "interactive" : "batch",
  }));
  for (let minute = 0, i = 0; minute < WEEK_S / 60; minute++) {
    for (const one of queues)
      noteLife(folded, lifeOf(i++, BEGIN + 60 * minute + 10, one));
    if (minute % 10 === 0) file.atomically(folded.write);
  }
  file.atomically(folded.write);
  const to = BEGIN + WEEK_S;
  const ms = Object.entries(questions).map(([name, { from, step, ...how }]) => {
    const parts = [{ from: BEGIN + from, to, step }];
    const wanted = { created: "", seq: 0, ...how, parts };
    const times = Array.from({ length: TURNS }, () =>
      cpuUsOf(1_000, () => void folded.read(wanted)),
    );
    return [name, round(median(times))] as const;
  });
  return {
    "statistics, CPU per answer, ms": Object.fromEntries(ms),
    "statistics of a week, of each model and lane": {
      bytes: Math.round(bytes() / queues.length),
    },
  };
}
