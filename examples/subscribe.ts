/**
 * Listen to the events that the log stores: what happened, to which task, of which model and key. Ends on Ctrl-C.
 *
 *     NATS_URL=nats://127.0.0.1:… node scripts/with-node.mjs examples/subscribe.ts
 *
 * A listener hears each event at most once, and none that is stored while it is away: docs/events.md has the replay.
 */
import { connect } from "@nats-io/transport-node";

const { NATS_URL: servers = "nats://127.0.0.1:4222" } = process.env;

const nats = await connect({ servers });
process.once("SIGINT", () => void nats.drain());
const stored = nats.subscribe("llm.stored.>");
await nats.flush();
console.log("listening");

for await (const { subject, headers } of stored) {
  const [, , type, model, , owner] = subject.split(".");
  console.log(type, model, owner, headers?.get("ce-subject"));
}
