/**
 * Read all events since a time, in order and without a gap, and stop at the end of the log.
 *
 *     NATS_URL=nats://127.0.0.1:… node scripts/with-node.mjs examples/subscribe/replay.ts 2026-11-29T08:00:00Z
 */
import { DeliverPolicy, jetstream } from "@nats-io/jetstream";
import { streams } from "@jetscribe/schema";
import { connect } from "@nats-io/transport-node";

const { NATS_URL: servers = "nats://127.0.0.1:4222" } = process.env;
const [since = "1970-01-01T00:00:00Z"] = process.argv.slice(2);

const nats = await connect({ servers });
// Ordered, without a name: the client makes it anew where a message is missing, and nothing is acknowledged.
const reader = await jetstream(nats).consumers.get(streams.events, {
  deliver_policy: DeliverPolicy.StartTime,
  opt_start_time: new Date(since).toISOString(),
});
const { num_pending: waiting } = await reader.info();
if (waiting > 0)
  for await (const event of await reader.consume()) {
    const type = event.headers?.get("ce-type");
    console.log(event.seq, event.time.toISOString(), type);
    if (event.info.pending === 0) break;
  }
await nats.close();
