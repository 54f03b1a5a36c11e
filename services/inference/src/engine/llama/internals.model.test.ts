/** Where node-llama-cpp is not the one that is known inside, that is seen before anything is built on it. */
import assert from "node:assert/strict";
import { test } from "vitest";
import { demoModel } from "../../../test/engineTestKit.ts";
import { openNative } from "./internals.ts";
import { load } from "./load.ts";

const nothing = () => undefined;

test("a context that lacks one of the calls is not used, and which one is told", async () => {
  const { llama, model, context } = await load(
    demoModel,
    {
      ...{ engine: "llama", model: demoModel, gpu: "off", threads: 1 },
      ...{ modelsDir: "", dataDir: "", slots: 1, contextSize: 256 },
      ...{ fakeMs: 0, fakeTokens: 0 },
    },
    { onProgress: nothing, onWarning: nothing, onThreads: nothing },
  );
  assert.equal(typeof openNative(context), "object");
  const inside = context as unknown as { _ctx: object };
  for (const name of ["decodeBatch", "sampleToken", "setThreads"])
    assert.equal(
      openNative(changedIn(context, { _ctx: without(inside._ctx, name) })),
      `its context has no ${name}`,
    );
  for (const [changed, told] of [
    [{ model: changedIn(model, { _model: undefined }) }, /model/],
    [
      {
        model: changedIn(model, { llama: changedIn(llama, { _bindings: {} }) }),
      },
      /AddonSampler/,
    ],
  ] as const) {
    const difference = openNative(changedIn(context, changed));
    assert.ok(typeof difference === "string");
    assert.match(difference, told);
  }
  await context.dispose();
  await model.dispose();
});

/** The same object, but for these properties. */
const changedIn = <T extends object>(whole: T, changed: object): T =>
  new Proxy(whole, {
    get: (target, name): unknown =>
      name in changed
        ? Reflect.get(changed, name)
        : Reflect.get(target, name, target),
  });

const without = (whole: object, name: string): object =>
  changedIn(whole, { [name]: undefined });
