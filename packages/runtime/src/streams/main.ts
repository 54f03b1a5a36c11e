/**
 * The operator's command for the streams: `plan` says how they stand to the settings and what a change would cost, and
 * ends with the code 2 if there is a change; `apply` makes the streams that are missing and the change, and the consumers
 * of the auditor, and ends with the code 1 where something was refused. `ensure` is `apply` before services start: without
 * a question, and refused changes are no failure as long as no stream is missing. `npm run streams -- plan`, in a
 * container `node packages/runtime/src/streams/main.ts plan`.
 */
import {
  applyStreams,
  planStreams,
  StreamsRefusedError,
} from "@jetscribe/event-log/streams/streamPlan";
import { readConfig } from "../config.ts";
import { BrokerSettings, topologyOf } from "../joinBroker.ts";
import { connectWithinMs, runCommand, type Confirm } from "../runCommand.ts";
import { describePlan, isEmpty } from "./describePlan.ts";
import {
  connectAsOperator,
  ensureStreams,
  makeAuditorConsumers,
} from "./ensureStreams.ts";

const usage = "npm run streams -- plan|apply|ensure [--yes]";
const forms = ["plan", "apply", "ensure"];

await runCommand({ usage, forms }, (form, confirm) =>
  form === "ensure" ? ensure() : planOrApply(form, confirm),
);

async function ensure(): Promise<number> {
  const within = AbortSignal.timeout(connectWithinMs);
  const { plan, refused } = await ensureStreams(process.env, within);
  for (const line of plan) console.log(line);
  if (refused.length > 0) sayRefused(refused);
  return 0;
}

async function planOrApply(form: string, confirm: Confirm): Promise<number> {
  const config = readConfig(BrokerSettings, process.env);
  const settings = topologyOf(config);
  const within = AbortSignal.timeout(connectWithinMs);
  await using broker = await connectAsOperator(config, within);
  const plans = await planStreams(broker, settings);
  for (const line of plans.flatMap(describePlan)) console.log(line);
  const changing = plans.filter((plan) => !isEmpty(plan));
  if (changing.length === 0) {
    if (form === "apply") await makeAuditorConsumers(broker);
    return 0;
  }
  if (form === "plan") return 2;
  const possible = changing.filter(({ refusals }) => refusals.length === 0);
  if (possible.length === 0) {
    console.error("Nothing was changed.");
    return 1;
  }
  const names = possible.map(({ stream }) => stream).join(", ");
  const refusal = "Nothing was changed. To change it without a question: --yes";
  if (!(await confirm(`Change ${names}?`, refusal))) return 1;
  const refused = await applyStreams(broker, settings).then(
    () => [],
    (error: unknown) => {
      if (!(error instanceof StreamsRefusedError)) throw error;
      return error.refusals;
    },
  );
  if (!refused.some(({ missing }) => missing))
    await makeAuditorConsumers(broker);
  if (refused.length === 0) console.log("Done.");
  else sayRefused(refused.map(({ why }) => why));
  return refused.length === 0 ? 0 : 1;
}

function sayRefused(refused: readonly string[]): void {
  console.error("Everything else is done. Refused was:");
  for (const why of refused) console.error(`  ${why}`);
}
