/** The addresses to which an owner is told nothing more, as records in WEBHOOKS: they answered 410. */
import { slugOf, type DisabledWebhook } from "@jetscribe/schema";
import { hash } from "node:crypto";
import { appendRecord } from "../append/appendRecord.ts";
import type { Broker } from "../broker/connection.ts";
import { lastMessageOf } from "../broker/streamState.ts";
import { removeRecord } from "./deliveries.ts";

/** An address, and whose webhooks it does not take. */
interface Target {
  owner: string;
  url: string;
}

/** Half of a SHA-256 tells addresses apart: an owner who finds two of one digest disables an address of their own. */
const subjectOf = ({ subjects }: Broker, { owner, url }: Target): string =>
  subjects.webhookDisabled(slugOf(owner), hash("sha256", url).slice(0, 32));

const recordOf = (broker: Broker, target: Target) =>
  lastMessageOf(broker, broker.streams.webhooks, subjectOf(broker, target));

export const isDisabled = async (
  broker: Broker,
  target: Target,
): Promise<boolean> => (await recordOf(broker, target)) !== undefined;

/** Rejects with an AppendError. `since`: seconds since the epoch. */
export async function disable(
  broker: Broker,
  { owner, url }: Target,
  since: number,
): Promise<void> {
  const data: DisabledWebhook = { url, since };
  const subject = subjectOf(broker, { owner, url });
  await appendRecord(broker, subject, { headers: "", data });
}

export async function enable(broker: Broker, target: Target): Promise<void> {
  const record = await recordOf(broker, target);
  if (record !== undefined) await removeRecord(broker, record.seq);
}
