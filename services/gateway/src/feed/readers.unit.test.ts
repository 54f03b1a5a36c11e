import assert from "node:assert/strict";
import { afterEach, test, vi } from "vitest";
import { makeReaders, type Connection } from "./readers.ts";

afterEach(() => void vi.useRealTimers());

const pad = "x".repeat(100_000);

/** A connection whose other side takes nothing until `take`. */
function connection() {
  let [buffered, drops] = [0, 0];
  const written: string[] = [];
  const self: Connection = {
    write(text) {
      written.push(text);
      buffered += text.length;
    },
    buffered: () => buffered,
    drop: () => void drops++,
  };
  return {
    ...{ self, written, buffered: () => buffered, drops: () => drops },
    take: () => void (buffered = 0),
  };
}

/** Readers of a view that has come to `seq`. */
function open() {
  let seq = 0;
  let encoded = 0;
  const readers = makeReaders(() => {
    encoded++;
    return { event: "snapshot", data: { seq } };
  });
  const tell = (next: number) => {
    seq = next;
    readers.tell({ event: "delta", data: { seq, pad } as { seq: number } });
  };
  return { readers, tell, encoded: () => encoded };
}

test("a reader that takes nothing is sent 256 KiB and a frame at most, and a snapshot when it goes on", () => {
  const { readers, tell } = open();
  const slow = connection();
  const quick = connection();
  using reader = readers.add(slow.self, undefined);
  using _other = readers.add(quick.self, undefined);
  for (let seq = 1; seq <= 20; seq++) {
    tell(seq);
    quick.take();
  }
  assert.ok(slow.buffered() < 2 ** 18 + 2 * pad.length);
  assert.equal(quick.written.length, 21);
  const before = slow.written.length;
  slow.take();
  reader.drained();
  assert.match(slow.written[before] ?? "", /^id: 20\nevent: snapshot\n/);
  tell(21);
  assert.match(slow.written[before + 1] ?? "", /^id: 21\nevent: delta\n/);
});

test("a reader that takes nothing for 30 s is dropped", () => {
  vi.useFakeTimers();
  const { readers, tell } = open();
  const slow = connection();
  using _reader = readers.add(slow.self, undefined);
  for (let seq = 1; seq <= 5; seq++) tell(seq);
  vi.advanceTimersByTime(29_000);
  assert.equal(slow.drops(), 0);
  vi.advanceTimersByTime(2_000);
  assert.equal(slow.drops(), 1);
});

test("all readers get the same text, and a snapshot is encoded once for those that come together", () => {
  const { readers, tell, encoded } = open();
  const all = Array.from({ length: 10 }, connection);
  for (const { self } of all) readers.add(self, undefined);
  assert.ok(encoded() <= 2);
  tell(1);
  const texts = new Set(all.map(({ written }) => written.join("")));
  assert.equal(texts.size, 1);
});

test("a reader that comes back gets the frames behind its id as long as they are kept", () => {
  const { readers, tell } = open();
  using _stays = readers.add(connection().self, undefined);
  for (let seq = 1; seq <= 5; seq++) tell(seq);
  const got = (lastEventId: string) => {
    const { self, written } = connection();
    readers.add(self, lastEventId)[Symbol.dispose]();
    return [...written.join("").matchAll(/^id: (\d+)\nevent: (\w+)/gm)].map(
      ([, id, event]) => `${id} ${event}`,
    );
  };
  assert.deepEqual(got("3"), ["4 delta", "5 delta"]);
  assert.deepEqual(got("5"), []);
  assert.deepEqual(got("1"), ["5 snapshot"]);
  assert.deepEqual(got("7"), ["5 snapshot"]);
});
