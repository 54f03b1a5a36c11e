import assert from "node:assert/strict";
import { setImmediate as turn } from "node:timers/promises";
import { afterAll, afterEach, test, vi } from "vitest";
import { loadPart } from "./loadPart.ts";

vi.mock("../src/parts/clock.ts", () => ({ nowS: { value: 0, peek: () => 0 } }));

interface Value<T> {
  value: T;
}
const { goToTime, isOpen, moment, momentError, step } = await loadPart<{
  goToTime: (timeS: number) => Promise<void>;
  isOpen: Value<boolean>;
  moment: Value<{ seq: number } | undefined>;
  momentError: Value<string | undefined>;
  step: (direction: "forward" | "back") => void;
}>("past/openPast.ts");
const { goToMoment } = await loadPart<{
  goToMoment: (seq: number | undefined) => void;
}>("past/moment.ts");
const { apiKey } = await loadPart<{ apiKey: Value<string | undefined> }>(
  "api/session.ts",
);
const { location } = globalThis as unknown as { location: { hash: string } };

afterEach(() => {
  apiKey.value = undefined;
  isOpen.value = false;
  goToMoment(undefined);
});

afterAll(() => void vi.unstubAllGlobals());

/** Signs in at a gateway that answers a path's calls when it is told to. */
function signIn() {
  const asked: { path: string; answer: (status: number, body: object) => void }[] = []; // prettier-ignore
  vi.stubGlobal(
    "fetch",
    (url: string, { signal }: RequestInit) =>
      new Promise((resolve, reject) => {
        signal?.addEventListener("abort", () => reject(new Error("aborted")));
        const path = url.replace("http://any", "");
        const answer = (status: number, body: object) =>
          resolve(new Response(JSON.stringify(body), { status }));
        asked.push({ path, answer });
      }),
  );
  apiKey.value = "a key";
  const callOf = (part: string) => asked.findLast(({ path }) => path.includes(part)) ?? assert.fail(); // prettier-ignore
  return { asked, callOf };
}

const found = (seq: number) => ({ seq, time: seq, rows: [], failures: [] });

test("a moment that is found after the way back to live is not gone to", async () => {
  const { callOf } = signIn();
  isOpen.value = true;
  void goToTime(10);
  isOpen.value = false;
  callOf("time=10").answer(200, found(3));
  await turn();
  assert.equal(location.hash, "#/now");
});

test("of two moments that are looked up the later one is gone to", async () => {
  const { callOf } = signIn();
  isOpen.value = true;
  void goToTime(10);
  void goToTime(20);
  callOf("time=20").answer(200, found(6));
  callOf("time=10").answer(200, found(3));
  await turn();
  assert.equal(location.hash, "#/now?at=6");
});

test("where a moment can't be read, none is shown in its place", async () => {
  const { callOf } = signIn();
  goToMoment(3);
  callOf("seq=3").answer(200, found(3));
  await turn();
  assert.equal(moment.value?.seq, 3);
  goToMoment(9);
  callOf("seq=9").answer(410, { detail: "dropped" });
  await turn();
  assert.equal(moment.value, undefined);
  assert.equal(momentError.value, "dropped");
});

test("one key may not step through every owner's events, the next one may", async () => {
  const { callOf } = signIn();
  goToMoment(3);
  step("back");
  await turn();
  callOf("/log?").answer(403, {});
  await turn();
  assert.ok(!callOf("/log?").path.includes("owner"));
  callOf("/log?").answer(200, { events: [{ seq: 2 }] });
  await turn();
  assert.equal(location.hash, "#/now?at=2");
  apiKey.value = "an admin's key";
  step("back");
  await turn();
  assert.ok(callOf("/log?").path.endsWith("owner=*"));
  callOf("/log?").answer(200, { events: [{ seq: 1 }] });
  await turn();
  assert.equal(location.hash, "#/now?at=1");
});
