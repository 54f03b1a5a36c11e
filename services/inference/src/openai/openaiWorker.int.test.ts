/** A worker on an upstream that breaks off: its tasks are retried by the rules that hold for every engine. */
import { makeAppender } from "@jetscribe/event-log/append";
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import {
  completionOf,
  historyOf,
  lastStartOf,
  outcomesOf,
  queue,
  queueEmpty,
  requestOf,
  startSystem,
} from "../workerTestKit.ts";
import { answer, key, model, startUpstream } from "./upstreamTestKit.ts";

const brokenAfter = 25;

/** A task whose first answer breaks off; its log. */
async function breakOff(raw: boolean) {
  await using upstream = await startUpstream();
  await using system = await startSystem();
  upstream.instead.push({ breakAfter: brokenAfter });
  await system.startWorker({
    ...{ ENGINE: "openai", MODEL_NAME: queue.model, UPSTREAM_KEY: key },
    ...{ UPSTREAM_URL: upstream.url, UPSTREAM_MODEL: model },
  });
  const { type, data } = requestOf();
  using appender = makeAppender(system.broker, "test");
  await appender.append({ type, data: { ...data, raw } }, queue);
  const id = data.task_id;
  const events = await outcomesOf(system.broker, [id], 60_000);
  await queueEmpty(system.broker);
  assert.deepEqual(historyOf(events, id), [
    ...["requested", "started.1", "retried.1 crash", "started.2", "completed"],
  ]);
  const completion = completionOf(events, id);
  assert.equal(completion.result, answer.join(""));
  assert.equal(completion.metrics.completion_tokens, answer.length);
  return { completion, start: lastStartOf(events, id), calls: upstream.calls };
}

suite("a worker on an upstream", { concurrency: 2 }, () => {
  test("begins a chat again that was broken off", async () => {
    const { completion, start, calls } = await breakOff(false);
    assert.equal(completion.continued, undefined);
    assert.equal(start.kept_chars, undefined);
    assert.deepEqual(calls[1]?.body.messages, calls[0]?.body.messages);
  });

  test("goes on with a raw text that was broken off", async () => {
    const { completion, start, calls } = await breakOff(true);
    assert.equal(completion.continued, true);
    const { kept_chars = 0 } = start;
    assert.ok(kept_chars > 0);
    const kept = answer.join("").slice(0, kept_chars);
    assert.equal(calls[1]?.body.prompt, `${calls[0]?.body.prompt}${kept}`);
  });
});
