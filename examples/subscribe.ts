/**
 * Listen to the events that the log stores: what happened, to which task, of which model and key. Ends on Ctrl-C.
 *
 *     npm run subscribers -- add live
 *     NATS_URL=nats://127.0.0.1:… NATS_NKEY_FILE=…/live.nk node scripts/with-node.mjs examples/subscribe.ts
 *
 * A listener hears each event at most once, and none that is stored while it is away: docs/subscribe.md has the others.
 */
import { readFileSync } from "node:fs";
import { connect, nkeyAuthenticator } from "@nats-io/transport-node";

const { NATS_URL: servers = "nats://127.0.0.1:4222", NATS_NKEY_FILE = "" } =
  process.env;

const seed = Buffer.from(readFileSync(NATS_NKEY_FILE, "utf8").trim());
const nats = await connect({ servers, authenticator: nkeyAuthenticator(seed) });
process.once("SIGINT", () => void nats.drain());
const stored = nats.subscribe("llm.stored.>");
await nats.flush();
console.log("listening");

for await (const { subject, headers } of stored) {
  const [, , type, model, , owner] = subject.split(".");
  console.log(type, model, owner, headers?.get("ce-subject"));
}
