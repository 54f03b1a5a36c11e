/**
 * What traces cost a task: CPU time of all processes, and the time of one call that waits for its result, of two systems
 * in turns. One exports every span to a collector that throws it away and whose CPU is not counted.
 */
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { median, medians, round, type Figures } from "./figures.ts";
import { cpuPerTask } from "./perPart.ts";
import { startSystem, submit, untilDone, type System } from "./system.ts";

const TASKS = 2_000;
const TURNS = 5;
/** Until V8 has compiled what a span goes through. */
const WARM_UP_TASKS = 10_000;
const CALLS = 100;
/** Room for the spans of all tasks of a turn, so that none is dropped and all are paid for. */
const QUEUE = "65536";

type Row = Record<string, number>;

export async function traceCosts(): Promise<Figures> {
  await using opened = new AsyncDisposableStack();
  const collector = await startCollector(opened);
  const off = opened.use(await startSystem({ warmUp: WARM_UP_TASKS }));
  const on = opened.use(
    await startSystem({
      warmUp: WARM_UP_TASKS,
      env: {
        OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
        OTEL_BSP_MAX_QUEUE_SIZE: QUEUE,
      },
    }),
  );
  const rows: { off: Row[]; on: Row[] } = { off: [], on: [] };
  for (let turn = 0; turn < TURNS; turn++) {
    rows.off.push(await measure(off));
    rows.on.push(await measure(on));
  }
  if (collector.bytes() === 0) throw new Error("no span was exported");
  const [without, withTraces] = [medians(rows.off), medians(rows.on)];
  const more = (name: string) =>
    round((withTraces[name] ?? NaN) / (without[name] ?? NaN) - 1);
  return {
    "traces off: CPU per task and latency, ms": without,
    "traces on: CPU per task and latency, ms": {
      ...withTraces,
      more: more("all"),
      more_latency: more("latency"),
    },
  };
}

async function measure(system: System): Promise<Row> {
  const before = system.usage();
  const { ids } = await submit(system, TASKS);
  if (ids.length < TASKS) throw new Error(`${ids.length} of ${TASKS} accepted`);
  await untilDone(system, ids);
  const cpu = cpuPerTask(before, system.usage(), ids.length);
  return { ...cpu, latency: await latency(system) };
}

/** Of a call that waits for its result, the median in ms. */
async function latency({ stack }: System): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < CALLS; i++) {
    const began = performance.now();
    const response = await fetch(`${stack.url}/generate`, {
      method: "POST",
      headers: {
        "x-api-key": "owner-0",
        "content-type": "application/json",
        prefer: "wait=10",
      },
      body: JSON.stringify({ prompt: "hello", max_tokens: 20 }),
    });
    await response.text();
    if (response.status !== 200) throw new Error(`status ${response.status}`);
    times.push(performance.now() - began);
  }
  return median(times);
}

async function startCollector(opened: AsyncDisposableStack) {
  let bytes = 0;
  const server = createServer((request, answer) => {
    request.on("data", (chunk: Buffer) => void (bytes += chunk.length));
    request.on("end", () => answer.writeHead(200).end());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  opened.defer(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, bytes: () => bytes };
}
