/**
 * Ask for a chat completion, whole and as a stream; by OpenAI's own client.
 *
 *     JETSCRIBE_URL=http://127.0.0.1:8000 JETSCRIBE_KEY=… node scripts/with-node.mjs examples/openai_client.ts "a prompt"
 */
import { randomUUID } from "node:crypto";
import OpenAI from "openai";

const {
  JETSCRIBE_URL: url = "http://127.0.0.1:8000",
  JETSCRIBE_KEY: apiKey = "",
} = process.env;
const [prompt = "Once upon a time"] = process.argv.slice(2);

const client = new OpenAI({ baseURL: `${url}/v1`, apiKey });
/** The client repeats a call that fails in passing. With a key of its own the call makes one task. */
const once = () => ({ headers: { "Idempotency-Key": randomUUID() } });

const { data: models } = await client.models.list();
const request = {
  model: models[0]?.id ?? "", // the gateway's default model
  messages: [{ role: "user" as const, content: prompt }],
  max_tokens: 64,
};

const whole = await client.chat.completions.create(request, once());
console.log(`whole: ${whole.choices[0]?.message.content}`);

const stream = await client.chat.completions.create(
  { ...request, stream: true },
  once(),
);
process.stdout.write("stream: ");
for await (const { choices } of stream)
  process.stdout.write(choices[0]?.delta.content ?? "");
console.log();
