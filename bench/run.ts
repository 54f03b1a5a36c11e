/**
 * Measures the system on the fake engine, and what it adds to the real one, everything on one machine with the load
 * generator; see README.md here.
 * npm run bench -- [--only accept,drain,latency,get,queued,memory,rebuild,index,deaths,durability,cluster,tokens,mixed,first_token,abort,estimate,prefix,speculation] [--tasks 5000] [--reps 3] [--llama-server CMD]
 */
import { parseArgs } from "node:util";
import type { Figures } from "./figures.ts";
import { measurements, type Measurement } from "./measurements.ts";
import { table, writeResults } from "./report.ts";

const { values } = parseArgs({
  options: {
    only: { type: "string", default: Object.keys(measurements).join() },
    tasks: { type: "string", default: "5000" },
    reps: { type: "string", default: "3" },
    "llama-server": { type: "string" },
  },
});
const only = values.only.split(",").map(known);
const tasks = atMost(values.tasks, 100_000);
const llamaServer = values["llama-server"];
const reps = atMost(values.reps, 100);

const started = new Date();
const repetitions: Figures[] = [];
for (let rep = 1; rep <= reps; rep++) {
  const figures: Figures = {};
  for (const name of only) {
    console.log(`${rep} of ${reps}: ${name} ...`);
    Object.assign(figures, await measurements[name]({ tasks, llamaServer }));
  }
  repetitions.push(figures);
  writeResults(repetitions, started);
}
console.log(`\n${table(repetitions)}\n`);
console.log(`written to ${writeResults(repetitions, started)}`);

function known(name: string): Measurement {
  if (name in measurements) return name as Measurement;
  throw new Error(
    `--only ${name}: there are ${Object.keys(measurements).join(", ")}`,
  );
}

function atMost(text: string, most: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= most) return value;
  throw new Error(`${text} is no whole number from 1 to ${most}`);
}
