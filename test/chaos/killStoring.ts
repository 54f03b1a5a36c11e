/** A gateway dies as it stores something: what comes next in its call is not done. */
import { setTimeout as sleep } from "node:timers/promises";
import { connectWitness, type Witnessed } from "./connectWitness.ts";
import type { Fault } from "./fault.ts";
import type { Fleet } from "./fleet.ts";
import type { Member } from "./member.ts";

/** One after the other: an idempotency key that is taken, before its request is stored; a request; a change of keys; a cancel. */
const steps = [
  ...["llm.idempotency.>", "llm.events.requested.>"],
  ...["llm.keys.>", "llm.events.cancelled.>"],
] as const;
const patienceMs = 2_000;
const downMs = [0, 2_000] as const;

export function killStoring(fleet: Fleet, gateway: Member): Fault {
  let turn = 0;
  return {
    name: "kill-gateway-storing",
    target: gateway.name,
    async run(random) {
      const [first] = steps;
      const step = steps[turn % steps.length] ?? first;
      // The broker may be away.
      const isHit = await killAt(fleet, step, gateway).catch(() => false);
      if (isHit) turn++;
      await sleep(random.int(...downMs));
      if (gateway.pid === undefined) gateway.start();
    },
  };
}

/** Kills it as soon as anybody's message of the kind passes; false: none did. */
async function killAt(
  fleet: Witnessed,
  subject: string,
  gateway: Member,
): Promise<boolean> {
  using broker = await connectWitness(fleet);
  const died = Promise.withResolvers<boolean>();
  broker.subscribe(subject, () => {
    died.resolve(gateway.crash().then(() => true));
  });
  return await Promise.race([died.promise, sleep(patienceMs, false)]);
}
