import { eventually } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { describe, test } from "vitest";
import { EngineDied, EngineError, type EngineRequest } from "../engine.ts";
import type { ToChild } from "./engineMessages.ts";
import { makeGenerations } from "./generations.ts";

const request: EngineRequest = {
  prompt: "a prompt",
  params: { max_tokens: 9, temperature: 0, top_p: 1 },
};
const result = {
  finishReason: "stop" as const,
  promptTokens: 2,
  completionTokens: 2,
  cachedTokens: 0,
  seed: 1,
};

const counts = { promptTokens: 2, completionTokens: 1 };

/** One generation; `said` is what its caller got, `sent` what the process did. */
function begin() {
  const sent: ToChild[] = [];
  const said: string[] = [];
  const waiting: (string | undefined)[] = [];
  const stop = new AbortController();
  let disobeyed = 0;
  const all = makeGenerations((message) => sent.push(message), {
    abortTimeoutMs: 50,
    onDisobeyed: () => (disobeyed += 1),
  });
  const end = all.run(request, {
    signal: stop.signal,
    onText: (text) => said.push(text),
    onWaiting: (why) => waiting.push(why),
  });
  end.catch(() => undefined);
  return { all, sent, said, waiting, stop, end, disobeyed: () => disobeyed };
}

describe("the generations of a process", () => {
  test("get their text and their result", async () => {
    const { all, sent, said, end } = begin();
    assert.deepEqual(sent, [{ kind: "generate", id: 1, request }]);
    all.receive({ kind: "text", id: 1, text: "one", counts });
    all.receive({ kind: "text", id: 7, text: "of nobody", counts });
    all.receive({ kind: "text", id: 1, text: " two", counts });
    all.receive({ kind: "done", id: 1, result });
    assert.deepEqual(await end, { text: "one two", ...result });
    assert.deepEqual(said, ["one", " two"]);
  });

  test("get an error as it was thrown", async () => {
    const { all, end } = begin();
    const type = "ValidationError" as const;
    const error = { type, message: "no", stack: "there" };
    all.receive({ kind: "error", id: 1, error });
    await assert.rejects(
      end,
      (thrown) =>
        thrown instanceof EngineError &&
        thrown.type === error.type &&
        thrown.message === error.message &&
        thrown.stack === error.stack,
    );
  });

  test("may end as with an engine that died, while the process goes on", async () => {
    const { all, end } = begin();
    const death = { reason: "crash" as const, stderrTail: "it broke off" };
    const error = {
      type: "RuntimeError" as const,
      message: "no",
      stack: "there",
      death,
    };
    all.receive({ kind: "error", id: 1, error });
    await assert.rejects(
      end,
      (thrown) => thrown instanceof EngineDied && thrown.death === death,
    );
  });

  test("tell what they wait for", async () => {
    const { all, end, waiting } = begin();
    all.receive({ kind: "waiting", id: 1, why: "it is busy" });
    all.receive({ kind: "waiting", id: 1 });
    all.receive({ kind: "done", id: 1, result });
    await end;
    assert.deepEqual(waiting, ["it is busy", undefined]);
  });

  test("end at an abort once the process has ended them, and get no text after it", async () => {
    const { all, sent, said, stop, end } = begin();
    const reason = new Error("enough");
    stop.abort(reason);
    assert.deepEqual(sent.at(-1), { kind: "abort", id: 1 });
    all.receive({ kind: "text", id: 1, text: "late", counts });
    const first = await Promise.race([end, Promise.resolve("it runs")]);
    assert.equal(first, "it runs");
    all.receive({ kind: "done", id: 1, result });
    await assert.rejects(end, (error) => error === reason);
    assert.deepEqual(said, []);
  });

  test("all end with their process", async () => {
    const { all, end } = begin();
    const died = new Error("it died");
    all.fail(died);
    await assert.rejects(end, (error) => error === died);
  });

  test("that run on after an abort while no token comes are told of, once", async () => {
    const { all, stop, end, disobeyed } = begin();
    stop.abort(new Error("enough"));
    await eventually(() => disobeyed() > 0);
    all.fail(new Error("it died"));
    await assert.rejects(end);
    assert.equal(disobeyed(), 1);
  });

  test("that have not ended after an abort are waited for while tokens come", async () => {
    const { all, stop, end, disobeyed } = begin();
    stop.abort(new Error("enough"));
    let heard = 0;
    const speaking = setInterval(() => {
      heard += 1;
      all.receive({ kind: "text", id: 7, text: "a neighbour's", counts });
    }, 1);
    await eventually(() => heard > 200);
    clearInterval(speaking);
    assert.equal(disobeyed(), 0);
    all.receive({ kind: "done", id: 1, result });
    await assert.rejects(end);
  });
});
