/**
 * Handle every event of a subscriber, also those of the time in which this program is away. Ends on Ctrl-C.
 *
 *     npm run subscribers -- add alarms --types failed --model demo
 *     NATS_URL=nats://127.0.0.1:… NATS_NKEY_FILE=…/alarms.nk node scripts/with-node.mjs examples/subscribe/durable.ts alarms
 */
import { readFileSync } from "node:fs";
import { jetstream } from "@nats-io/jetstream";
import { parseEvent, streams } from "@jetscribe/schema";
import { connect, nkeyAuthenticator } from "@nats-io/transport-node";

const { NATS_URL: servers = "nats://127.0.0.1:4222", NATS_NKEY_FILE = "" } =
  process.env;
const [name = "alarms"] = process.argv.slice(2);

const seed = Buffer.from(readFileSync(NATS_NKEY_FILE, "utf8").trim());
const nats = await connect({ servers, authenticator: nkeyAuthenticator(seed) });
// The subscriber's account has this much of JetStream, behind this prefix.
const js = jetstream(nats, { apiPrefix: "JETSCRIBE.API" });
const consumer = await js.consumers.get(streams.events, `sub=${name}`);
const messages = await consumer.consume();
process.once("SIGINT", () => void messages.close());
console.log("listening");

for await (const message of messages) {
  const { subject, seq, data: body } = message;
  const time = message.time.getTime() / 1_000;
  const parsed = parseEvent({ subject, seq, time, body });
  if ("event" in parsed) {
    const { type, data } = parsed.event;
    const why = type === "GenerateFailed" ? data.error.type : "";
    console.log(seq, type, data.task_id, why);
  }
  // Acknowledged once it is handled: after a crash it comes again.
  message.ack();
}
await nats.drain();
