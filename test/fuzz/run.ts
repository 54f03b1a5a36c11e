/** `npm run fuzz -- [--requests N] [--seed N]` */
import { parseArgs } from "node:util";
import { formatReport, fuzzSystem } from "./fuzzSystem.ts";

const { values } = parseArgs({
  options: {
    requests: { type: "string", default: "100000" },
    seed: { type: "string" },
  },
});
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
console.log(`seed ${seed}`);
const result = await fuzzSystem(Number(values.requests), seed, console.log);
console.log(formatReport(result));
for (const violation of result.violations) console.log(`✖ ${violation}`);
if (result.violations.length > 0) process.exitCode = 1;
console.log(`seed ${seed}: ${result.violations.length} violations`);
