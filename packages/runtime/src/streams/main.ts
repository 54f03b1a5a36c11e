/**
 * The operator's command for the streams: `plan` says how they stand to the settings and what a change would cost,
 * `apply` makes the change. `npm run streams -- plan`, in a container `node packages/runtime/src/streams/main.ts plan`.
 *
 * Exit codes: 0 done, or nothing to do; 1 not applied; 2 `plan` found changes; 64 wrong use; 78 wrong settings.
 */
import {
  connectBroker,
  type Broker,
} from "@jetscribe/event-log/broker/connection";
import {
  applyStreams,
  planStreams,
} from "@jetscribe/event-log/streams/streamPlan";
import { parseArgs } from "node:util";
import { isConfirmed } from "../confirm.ts";
import { ConfigError, configExitCode, readConfig } from "../config.ts";
import { BrokerSettings, topologyOf } from "../joinBroker.ts";
import { isEmpty, wordsOfPlan } from "./words.ts";

const usage = "npm run streams -- plan|apply [--yes]";
const usageExitCode = 64;
/** In ms; the services wait for ever, a person doesn't. */
const connectWithinMs = 10_000;

process.exitCode = await main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  return error instanceof ConfigError ? configExitCode : 1;
});

async function main(): Promise<number> {
  const command = readCommand();
  if (command === undefined) {
    console.error(`usage: ${usage}`);
    return usageExitCode;
  }
  const config = readConfig(BrokerSettings, process.env);
  const settings = topologyOf(config);
  await using broker = await connect(config);
  const plans = await planStreams(broker, settings);
  for (const line of plans.flatMap(wordsOfPlan)) console.log(line);
  const toDo = plans.filter((plan) => !isEmpty(plan));
  if (toDo.length === 0) return 0;
  if (command.name === "plan") return 2;
  if (plans.some(({ refusals }) => refusals.length > 0)) {
    console.error("Nothing was changed.");
    return 1;
  }
  const names = toDo.map(({ stream }) => stream).join(", ");
  if (!command.yes && !(await isConfirmed(`Change ${names}?`))) {
    console.error(
      "Nothing was changed. To change it without a question: --yes",
    );
    return 1;
  }
  await applyStreams(broker, settings);
  console.log("Done.");
  return 0;
}

function readCommand() {
  try {
    const { positionals, values } = parseArgs({
      ...{ allowPositionals: true, options: { yes: { type: "boolean" } } },
    });
    const [name, ...more] = positionals;
    if ((name !== "plan" && name !== "apply") || more.length > 0)
      return undefined;
    return { name, yes: values.yes === true };
  } catch {
    return undefined;
  }
}

async function connect({
  NATS_URL: url,
  NAMESPACE: namespace,
}: BrokerSettings): Promise<Broker> {
  const signal = AbortSignal.timeout(connectWithinMs);
  return await connectBroker({ url, name: "streams", namespace, signal }).catch(
    (cause: unknown) => {
      throw new Error("the broker can't be reached: see NATS_URL", { cause });
    },
  );
}
