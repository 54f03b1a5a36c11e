/** `npm run chaos -- [--seed N] [--seconds N] [--only fault,...|none] [--rate N] [--more kind,...] [--pause MS] [--settle SECONDS] [--standby] [--nats oldest|newest]` */
import { parseArgs } from "node:util";
import { runChaos } from "./chaos.ts";
import { faultNames } from "./faults.ts";
import { formatReport } from "./report.ts";
import { isKind } from "./requests.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    seconds: { type: "string", default: "60" },
    only: { type: "string", default: "" },
    rate: { type: "string", default: "15" },
    more: { type: "string", default: "" },
    pause: { type: "string", default: "700" },
    settle: { type: "string", default: "60" },
    standby: { type: "boolean", default: false },
    nats: { type: "string", default: "default" },
    list: { type: "boolean", default: false },
  },
});

if (values.list) {
  console.log(faultNames.join("\n"));
  process.exit();
}
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
const only = values.only.split(",").filter((name) => name !== "");
for (const begin of only)
  if (begin !== "none" && !faultNames.some((name) => name.startsWith(begin)))
    throw new Error(`no fault is called ${begin}; --list names them`);
const { nats } = values;
if (nats !== "default" && nats !== "oldest" && nats !== "newest")
  throw new Error("--nats: expected oldest or newest");

console.log(`seed ${seed}`);
const begin = performance.now();
const report = await runChaos({
  ...{ seed, only, natsVersion: nats },
  seconds: Number(values.seconds),
  perSecond: Number(values.rate),
  more: values.more.split(",").filter(isKind),
  pauseMs: Number(values.pause),
  settleWithinMs: Number(values.settle) * 1_000,
  sizes: values.standby ? { gateway: 2, results: 2, logger: 2 } : {},
  say: (line) =>
    console.log(`${((performance.now() - begin) / 1_000).toFixed(1)} ${line}`),
});
console.log(formatReport(report));
const { length } = report.violations;
if (length > 0) process.exitCode = 1;
console.log(`seed ${seed}: ${length} violations`);
