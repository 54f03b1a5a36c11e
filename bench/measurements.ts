/** What is measured; each starts from a system of its own and gives rows of figures. */
import { setTimeout as sleep } from "node:timers/promises";
import { accounts } from "./accounts.ts";
import { openConnection } from "./connection.ts";
import { cluster } from "./cluster.ts";
import { deaths } from "./deaths.ts";
import { drive } from "./drive.ts";
import { durability } from "./durability.ts";
import { engine } from "./engine.ts";
import { errors } from "./errors.ts";
import { estimate } from "./estimate.ts";
import { featureCosts } from "./features.ts";
import { percentiles, round, type Figures, type Options } from "./figures.ts";
import { memory } from "./flat.ts";
import { list } from "./list.ts";
import { metrics } from "./metrics.ts";
import { mixed } from "./mixed.ts";
import { abort, firstToken, tokens } from "./model.ts";
import { natsApi } from "./natsApi.ts";
import { overload } from "./overload.ts";
import { page } from "./page.ts";
import { past } from "./past.ts";
import { prefix } from "./prefix.ts";
import { cpuPerTask } from "./perPart.ts";
import { queued } from "./queued.ts";
import { rebuild } from "./rebuild.ts";
import { replay } from "./replay.ts";
import { speculation } from "./speculation.ts";
import { statistics } from "./statistics.ts";
import { taskIndex } from "./taskIndex.ts";
import { subscribers } from "./subscribers.ts";
import { traceCosts } from "./traces.ts";
import { startSystem, submit, taskIdOf, untilDone } from "./system.ts";

const CONNECTIONS = 64;
const SECONDS = 4;
const SINGLE_CLIENT_TASKS = 300;
const POLL_MS = 2;

export const measurements = {
  ...{ accept, drain, latency, get },
  ...{
    queued,
    memory,
    rebuild,
    replay,
    index: taskIndex,
    list,
    errors,
    past,
    page,
    deaths,
  },
  ...{ durability, cluster },
  ...{ tokens, mixed, first_token: firstToken, abort, estimate, prefix },
  ...{ speculation, engine, overload, features: featureCosts },
  ...{ natsapi: natsApi },
  ...{ statistics, metrics, traces: traceCosts, subscribers, accounts },
};
export type Measurement = keyof typeof measurements;

/** POST /generate at full speed, while the worker works and while every slot is taken. */
async function accept(): Promise<Figures> {
  const figures: Figures = {};
  for (const busy of [false, true]) {
    await using system = await startSystem({ busy });
    const post = (seconds: number) =>
      drive({
        port: system.port,
        connections: CONNECTIONS,
        seconds,
        expect: 202,
        next: () => system.post,
      });
    await post(1); // warms up
    figures[`accept, ${busy ? "all slots taken" : "worker running"}`] =
      await post(SECONDS);
  }
  return figures;
}

/**
 * The time from the first POST until all tasks have their results, and the CPU of each process. While the clock runs only
 * the last 64 tasks are watched, so that the watching costs little; then every task is looked at.
 */
async function drain({ tasks }: Options): Promise<Figures> {
  await using system = await startSystem();
  const before = system.usage();
  const start = performance.now();
  const { ids, driven } = await submit(system, tasks);
  await untilDone(system, ids.slice(-CONNECTIONS));
  const seconds = (performance.now() - start) / 1_000;
  const cpu = cpuPerTask(before, system.usage(), ids.length);
  await untilDone(system, ids);
  return {
    [`drain of ${tasks}`]: {
      per_s: round(ids.length / seconds),
      refused: driven.errors,
      generator_cpu_share: driven.generator_cpu_share,
    },
    "CPU per task, ms": cpu,
  };
}

/** One client, one task after the other: from before the POST until the result is there. */
async function latency(): Promise<Figures> {
  await using system = await startSystem();
  const { port, post, postAndWait, get: read } = system;
  const connection = openConnection(port);
  const waitForIt = () => connection.send(postAndWait);
  const poll = (pauseMs: number) => async () => {
    const { body } = await connection.send(post);
    const request = read(`/result/${taskIdOf(body)}`);
    let answer = await connection.send(request);
    while (answer.status !== 200) {
      if (answer.status !== 202) throw new Error(answer.body);
      if (pauseMs > 0) await sleep(pauseMs);
      answer = await connection.send(request);
    }
    return answer;
  };
  const figures = {
    "submit to visible, Prefer: wait": await timed(waitForIt),
    [`submit to visible, polled every ${POLL_MS} ms`]: await timed(
      poll(POLL_MS),
    ),
    "submit to visible, polled without a pause": await timed(poll(0)),
  };
  connection.close();
  return figures;
}

async function timed(
  once: () => Promise<{ status: number }>,
): Promise<Record<string, number>> {
  const values: number[] = [];
  for (let i = 0; i < SINGLE_CLIENT_TASKS; i++) {
    const start = performance.now();
    const { status } = await once();
    if (status !== 200) throw new Error(`answered ${status}, not 200`);
    values.push(performance.now() - start);
  }
  return percentiles(values);
}

/** GET /result of finished tasks. */
async function get(): Promise<Figures> {
  await using system = await startSystem();
  const { ids } = await submit(system, 1_000);
  await untilDone(system, ids);
  const requests = ids.map((id) => system.get(`/result/${id}`));
  const read = (seconds: number) =>
    drive({
      port: system.port,
      connections: CONNECTIONS,
      seconds,
      expect: 200,
      next: (i) => requests[i % requests.length],
    });
  await read(1); // warms up
  return { "GET /result": await read(SECONDS) };
}
