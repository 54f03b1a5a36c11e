/**
 * Measures the system on the fake engine, and what it adds to the real one, everything on one machine with the load
 * generator; see README.md here.
 * npm run bench -- [--only accept,drain,latency,get,queued,memory,rebuild,replay,index,list,errors,past,page,deaths,durability,cluster,tokens,mixed,first_token,abort,estimate,prefix,speculation,engine,overload,features,natsapi,statistics,metrics,traces,accounts,subscribers] [--tasks 5000] [--reps 3] [--llama-server CMD] [--gpu]
 */
import { parseArgs } from "node:util";
import type { Figures } from "./figures.ts";
import { fail, UserError } from "../scripts/install/print.mjs";
import { prepareCard } from "./gpu.ts";
import { measurements, type Measurement } from "./measurements.ts";
import { table, writeResults } from "./report.ts";

/** Of the measurements, those that a GPU changes. */
const ON_GPU = ["tokens", "mixed"];

const { values } = parseArgs({
  options: {
    only: { type: "string" },
    tasks: { type: "string", default: "5000" },
    reps: { type: "string" },
    "llama-server": { type: "string" },
    gpu: { type: "boolean", default: false },
  },
});
const all = values.gpu ? ON_GPU : Object.keys(measurements);
await main().catch(fail);

async function main(): Promise<void> {
  const only = (values.only?.split(",") ?? all).map(known);
  const tasks = atMost(values.tasks, 100_000);
  const llamaServer = values["llama-server"];
  // What it measures on a GPU it repeats by itself, and a card is lent by the minute.
  const reps = atMost(values.reps ?? (values.gpu ? "1" : "3"), 100);
  const card = values.gpu ? await prepareCard() : undefined;
  if (card !== undefined) console.log(`on ${card}`);

  const started = new Date();
  const repetitions: Figures[] = [];
  for (let rep = 1; rep <= reps; rep++) {
    const figures: Figures = {};
    for (const name of only) {
      console.log(`${rep} of ${reps}: ${name} ...`);
      const options = { tasks, llamaServer, card };
      Object.assign(figures, await measurements[name](options));
    }
    repetitions.push(figures);
    writeResults(repetitions, started);
  }
  console.log(`\n${table(repetitions)}\n`);
  console.log(`written to ${writeResults(repetitions, started)}`);
}

function known(name: string): Measurement {
  if (all.includes(name)) return name as Measurement;
  throw new UserError(
    `--only ${name}: ${values.gpu ? "with --gpu " : ""}there are ${all.join(", ")}`,
  );
}

function atMost(text: string, most: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= most) return value;
  throw new UserError(`${text} is no whole number from 1 to ${most}`);
}
