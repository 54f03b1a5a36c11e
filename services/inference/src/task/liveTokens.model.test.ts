/** Streaming workers with the demo model: its text over the death of the engine, and several users at once. */
import { isOutcome, newTaskId, type RecordedEvent } from "@jetscribe/schema";
import { eventually } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { describe, test } from "vitest";
import {
  completionOf,
  engineOf,
  historyOf,
  killAtEachStartOf,
  lastStartOf,
  outcomesOf,
  read,
  readLog,
  startSystem,
  type System,
} from "../../test/workerTestKit.ts";

const llama = { ENGINE: "llama", GPU: "off" };
const prompts = [
  "Tell me a story.",
  "Tell me a story about a dog.",
  "Write a long story about a dog and a cat.",
  "Count from 1 to 100.",
];
const long = { max_tokens: 400 };
const longest = { max_tokens: 1_500, ignore_eos: true, timeout_ms: 600_000 };
const contextSize = 8_192;
/** It is not at its end, however late the test sees that it has begun. */
const endless = { max_tokens: 7_000, ignore_eos: true, timeout_ms: 600_000 };
const longPrompt = "word ".repeat(7_000);

/** What the model writes to these prompts when nothing happens. */
async function textsOf(system: System): Promise<string[]> {
  const ids = await Promise.all(
    prompts.map((prompt) => system.request({ prompt, ...longest })),
  );
  const events = await outcomesOf(system.broker, ids);
  return ids.map((id) => completionOf(events, id).result);
}

describe("the demo model's text", () => {
  test("goes on after the engine was killed, without a seam", async () => {
    await using system = await startSystem();
    const worker = await system.startWorker({
      ...llama,
      SLOTS: "5",
      CONTEXT_SIZE: String(contextSize),
      // Or an answer alone may come out another way the next time.
      THREADS: "1",
    });
    const whole = await textsOf(system);
    const lasting = newTaskId();
    using seen = read(system, lasting);
    const ids = prompts.map(() => newTaskId());
    const readers = ids.map((id) => read(system, id));
    const engine = await engineOf(worker);
    await Promise.all([
      system.request({ task_id: lasting, prompt: prompts[0]!, ...endless }),
      ...prompts.map((prompt, i) =>
        system.request({ task_id: ids[i]!, prompt, ...longest }),
      ),
    ]);
    await eventually(() => seen.text().length > 0);
    process.kill(engine, "SIGKILL");
    const goesOn = async () =>
      historyOf(await readLog(system.broker), lasting).endsWith("started.2");
    await eventually(goesOn);
    const events = await outcomesOf(system.broker, ids);
    const { kept_chars: most = 0 } = lastStartOf(events, lasting);
    assert.ok(most > 0);
    // It has the same prompt as the first of the others.
    const begun = seen.text().slice(0, most);
    assert.ok(begun.startsWith(whole[0]!.slice(0, most)));
    await eventually(() => seen.text().length > most);
    const completions = ids.map((id) => completionOf(events, id));
    for (const [i, id] of ids.entries()) {
      const { result, continued, metrics } = completions[i]!;
      assert.ok(result.startsWith(readers[i]!.text()));
      if (!continued) continue;
      const { kept_chars = 0, kept_tokens = 0 } = lastStartOf(events, id);
      assert.ok(kept_chars > 0 && kept_tokens > 0);
      // What was read again at once need not give the very numbers that it gave token by token.
      const kept = whole[i]!.slice(0, kept_chars);
      assert.equal(result.slice(0, kept_chars), kept);
      assert.ok(result.length > kept_chars && result.isWellFormed());
      assert.ok(metrics.completion_tokens > kept_tokens);
      assert.equal(
        historyOf(events, id),
        "requested, started.1, retried.1 crash, started.2, completed",
      );
    }
    for (const seen of readers) seen[Symbol.dispose]();
  });

  test("is whole for all but the task that kills the engine each time it starts", async () => {
    await using system = await startSystem();
    const worker = await system.startWorker({
      ...llama,
      SLOTS: "16",
      CONTEXT_SIZE: String(contextSize),
    });
    const promptOf = (i: number) =>
      i === 7 ? "word ".repeat(1_000) : prompts[i % 4]!;
    const ids = await Promise.all(
      Array.from({ length: 16 }, (_, i) =>
        system.request({
          prompt: promptOf(i),
          ...long,
          ...(i === 7 && endless),
        }),
      ),
    );
    const poison = ids[7]!;
    await killAtEachStartOf(poison, system, worker, 3);
    const events = await outcomesOf(system.broker, ids);
    for (const id of ids) {
      if (id === poison) continue;
      const { result, finish_reason } = completionOf(events, id);
      assert.ok(result.length > 0);
      assert.equal(finish_reason, "stop");
    }
    const outcome = outcomeOf(events, poison);
    assert.ok(outcome?.type === "GenerateFailed");
    assert.equal(outcome.data.error.type, "WorkerCrashed");
  });

  test("of the second and the third user comes while the first one's prompt is read", async () => {
    await using system = await startSystem();
    const first = await system.request({
      prompt: longPrompt,
      max_tokens: 16,
    });
    const others = await Promise.all(
      prompts.slice(0, 2).map((prompt) => system.request({ prompt, ...long })),
    );
    // It finds all three, the first one first.
    await system.startWorker({
      ...llama,
      SLOTS: "3",
      CONTEXT_SIZE: String(contextSize),
    });
    const events = await outcomesOf(system.broker, [first, ...others]);
    const firstTokenAt = (id: string) => {
      const { time_to_first_token } = completionOf(events, id).metrics;
      assert.ok(time_to_first_token !== undefined);
      return lastStartOf(events, id).start_time + time_to_first_token;
    };
    for (const id of others) {
      const { seq } = outcomeOf(events, first)!;
      assert.ok(startSeqOf(events, id) < seq);
      assert.ok(firstTokenAt(id) <= firstTokenAt(first));
    }
  });
});

const outcomeOf = (events: readonly RecordedEvent[], id: string) =>
  events.filter(isOutcome).find(({ data }) => data.task_id === id);

const startSeqOf = (events: readonly RecordedEvent[], id: string): number =>
  events.find(
    ({ type, data }) => type === "GenerateStarted" && data.task_id === id,
  )!.seq;
