/**
 * Read all events since a time, in order, and stop at the end of the log.
 *
 *     npm run subscribers -- add replay --from 2026-11-29T08:00:00Z
 *     NATS_URL=nats://127.0.0.1:… NATS_NKEY_FILE=…/replay.nk node scripts/with-node.mjs examples/subscribe/replay.ts replay
 *
 * It can be broken off, and goes on where it stopped. To read again from the beginning: remove the subscriber, add it.
 */
import { readFileSync } from "node:fs";
import { jetstream } from "@nats-io/jetstream";
import { streams } from "@jetscribe/schema";
import { connect, nkeyAuthenticator } from "@nats-io/transport-node";

const { NATS_URL: servers = "nats://127.0.0.1:4222", NATS_NKEY_FILE = "" } =
  process.env;
const [name = "replay"] = process.argv.slice(2);

const seed = Buffer.from(readFileSync(NATS_NKEY_FILE, "utf8").trim());
const nats = await connect({ servers, authenticator: nkeyAuthenticator(seed) });
const js = jetstream(nats, { apiPrefix: "JETSCRIBE.API" });
const reader = await js.consumers.get(streams.events, `sub=${name}`);
const { num_pending, num_ack_pending } = await reader.info();
let read = 0;
if (num_pending + num_ack_pending > 0)
  for await (const event of await reader.consume()) {
    // What was not acknowledged in time comes again, behind later events.
    if (event.seq > read) {
      read = event.seq;
      const type = event.headers?.get("ce-type");
      console.log(event.seq, event.time.toISOString(), type);
    }
    event.ack();
    if (event.info.pending === 0) break;
  }
await nats.drain();
