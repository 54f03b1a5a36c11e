/**
 * Submit a prompt and read its outcome by request and reply on NATS, without HTTP.
 *
 *     NATS_URL=nats://127.0.0.1:… NATS_NKEY_FILE=… node scripts/with-node.mjs examples/nats_api.ts OWNER "a prompt"
 */
import { connect, headers, nkeyAuthenticator } from "@nats-io/transport-node";
import type { AcceptedResponse, OutcomeResponse } from "@jetscribe/schema";
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";

const { NATS_URL: servers = "nats://127.0.0.1:4222", NATS_NKEY_FILE: file } =
  process.env;
const [owner = "default", prompt = "Once upon a time"] = process.argv.slice(2);

const nats = await connect({
  servers,
  ...(file && { authenticator: nkeyAuthenticator(seedIn(file)) }),
});

/** Of the user's nkey. */
function seedIn(path: string): Uint8Array {
  return Buffer.from(readFileSync(path, "utf8").trim());
}

/** The gateway answered with a problem. */
class Refused extends Error {}

/** Rejects with Refused, or with an error of the client where no answer comes. */
async function call<Answer>(
  name: "generate" | "result" | "cancel",
  body: object,
  { timeoutMs = 10_000, idempotencyKey = "" } = {},
): Promise<Answer> {
  const told = headers();
  if (idempotencyKey) told.set("Idempotency-Key", idempotencyKey);
  const answer = await nats.request(
    `llm.api.${owner}.${name}`,
    JSON.stringify(body),
    { timeout: timeoutMs, headers: told },
  );
  const refused = answer.headers?.get("Nats-Service-Error");
  if (refused) throw new Refused(`${refused}: ${answer.string()}`);
  return answer.json<Answer>();
}

// Where no answer comes, the same call again: with the same key it makes no second task.
const idempotencyKey = randomUUID();
const generate = () =>
  call<AcceptedResponse>("generate", { prompt, max_tokens: 64 }, { idempotencyKey }); // prettier-ignore
const { task_id } = await generate().catch((error: unknown) => {
  if (error instanceof Refused) throw error;
  return generate();
});
console.log(`accepted: ${task_id}`);

let outcome: OutcomeResponse | { status: "queued" | "processing" };
do outcome = await call("result", { task_id, wait: 60 }, { timeoutMs: 70_000 });
while (outcome.status === "queued" || outcome.status === "processing");
if ("result" in outcome) console.log(outcome.result);
console.log(`outcome: ${outcome.status}`);
await nats.close();
