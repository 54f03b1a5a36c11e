/**
 * The operator's command for the streams: `plan` says how they stand to the settings and what a change would cost, and
 * ends with the code 2 if there is a change; `apply` makes the change, and the consumers of the auditor. `npm run streams -- plan`, in a container
 * `node packages/runtime/src/streams/main.ts plan`.
 */
import {
  connectBroker,
  type Broker,
} from "@jetscribe/event-log/broker/connection";
import { ensureAuditorConsumers } from "@jetscribe/event-log/streams/auditorConsumers";
import {
  applyStreams,
  planStreams,
} from "@jetscribe/event-log/streams/streamPlan";
import { readConfig } from "../config.ts";
import { brokerOf } from "../credentials.ts";
import { BrokerSettings, topologyOf } from "../joinBroker.ts";
import { connectWithinMs, runCommand, type Confirm } from "../runCommand.ts";
import { isEmpty, describePlan } from "./describePlan.ts";

const usage = "npm run streams -- plan|apply [--yes]";

await runCommand({ usage, forms: ["plan", "apply"] }, planOrApply);

async function planOrApply(form: string, confirm: Confirm): Promise<number> {
  const config = readConfig(BrokerSettings, process.env);
  const settings = topologyOf(config);
  await using broker = await connectBroker({
    ...brokerOf(config, "operator"),
    name: "streams",
    signal: AbortSignal.timeout(connectWithinMs),
  }).catch((cause: unknown) => {
    throw new Error("the broker can't be reached: see NATS_URL", { cause });
  });
  const plans = await planStreams(broker, settings);
  for (const line of plans.flatMap(describePlan)) console.log(line);
  const changing = plans.filter((plan) => !isEmpty(plan));
  if (changing.length === 0) {
    if (form === "apply") await makeAuditorConsumers(broker);
    return 0;
  }
  if (form === "plan") return 2;
  if (plans.some(({ refusals }) => refusals.length > 0)) {
    console.error("Nothing was changed.");
    return 1;
  }
  const names = changing.map(({ stream }) => stream).join(", ");
  const refusal = "Nothing was changed. To change it without a question: --yes";
  if (!(await confirm(`Change ${names}?`, refusal))) return 1;
  await applyStreams(broker, settings);
  await makeAuditorConsumers(broker);
  console.log("Done.");
  return 0;
}

/** A broker without users has no auditor. */
async function makeAuditorConsumers(broker: Broker): Promise<void> {
  if (broker.role !== undefined) await ensureAuditorConsumers(broker);
}
