/**
 * Handle every failed task of one model, also those that fail while this program is away. Ends on Ctrl-C.
 *
 *     NATS_URL=nats://127.0.0.1:… node scripts/with-node.mjs examples/subscribe/durable.ts alarms demo
 */
import { AckPolicy, jetstream, jetstreamManager } from "@nats-io/jetstream";
import { parseEvent, slugOf, streams, subjects } from "@jetscribe/schema";
import { connect } from "@nats-io/transport-node";

const { NATS_URL: servers = "nats://127.0.0.1:4222" } = process.env;
const [name = "alarms", model] = process.argv.slice(2);

const nats = await connect({ servers });
const manager = await jetstreamManager(nats);
// The broker keeps the consumer's place under its name. Adding it again changes nothing.
await manager.consumers.add(streams.events, {
  durable_name: name,
  ack_policy: AckPolicy.Explicit,
  filter_subject: subjects.event("failed", {
    model: model === undefined ? "*" : slugOf(model),
    lane: "*",
    owner: "*",
  }),
});
const consumer = await jetstream(nats).consumers.get(streams.events, name);
const messages = await consumer.consume();
process.once("SIGINT", () => void messages.close());
console.log("listening");

for await (const message of messages) {
  const { subject, seq, data: body } = message;
  const time = message.time.getTime() / 1_000;
  const parsed = parseEvent({ subject, seq, time, body });
  if ("event" in parsed && parsed.event.type === "GenerateFailed") {
    const { task_id, error } = parsed.event.data;
    console.log(seq, task_id, error.type);
  }
  // Acknowledged once it is handled: after a crash it comes again.
  message.ack();
}
await nats.drain();
