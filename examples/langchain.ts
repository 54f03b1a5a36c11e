/**
 * Ask a chat model, whole and as a stream; by LangChain.
 *
 *     JETSCRIBE_URL=http://127.0.0.1:8000 JETSCRIBE_KEY=… node scripts/with-node.mjs examples/langchain.ts "a prompt"
 */
import { ChatOpenAI } from "@langchain/openai";
import { randomUUID } from "node:crypto";

const {
  JETSCRIBE_URL: url = "http://127.0.0.1:8000",
  JETSCRIBE_KEY: apiKey = "",
  JETSCRIBE_MODEL: name = "demo",
} = process.env;
const [prompt = "Once upon a time"] = process.argv.slice(2);

const model = new ChatOpenAI({
  model: name,
  apiKey,
  maxTokens: 64,
  configuration: { baseURL: `${url}/v1` },
});
/** LangChain repeats a call that fails in passing. With a key of its own the call makes one task. */
const once = () => ({
  options: { headers: { "Idempotency-Key": randomUUID() } },
});

const whole = await model.invoke(prompt, once());
console.log(`whole: ${whole.text}`);

process.stdout.write("stream: ");
for await (const chunk of await model.stream(prompt, once()))
  process.stdout.write(chunk.text);
console.log();
