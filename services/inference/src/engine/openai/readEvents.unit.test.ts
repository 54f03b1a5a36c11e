import assert from "node:assert/strict";
import fc from "fast-check";
import { describe, test } from "vitest";
import { BrokenOff, readEvents } from "./readEvents.ts";

const read = (pieces: Iterable<Uint8Array>) =>
  Array.fromAsync(readEvents(ReadableStream.from(pieces)));

const bytes = (text: string) => new TextEncoder().encode(text);
const dataOf = async (text: string) =>
  (await read([bytes(text)])).map(({ data }) => data);

describe("server-sent events", () => {
  test("end by a blank line of any kind, or with the body", async () => {
    for (const end of ["\n", "\r\n", "\r"])
      assert.deepEqual(
        await dataOf(`data: a${end}${end}data:b${end}data:  c${end}${end}`),
        ["a", "b\n c"],
      );
    assert.deepEqual(await dataOf("data: a\n\ndata: [DONE]"), ["a", "[DONE]"]);
  });

  test("are told by their data, whatever stands around it", async () => {
    const text = "\ufeff: a comment\n\nid: 7\nevent: odd\ndata: a\n\n";
    assert.deepEqual(await read([bytes(text)]), [
      { id: "7", event: "odd", data: "a" },
    ]);
    assert.deepEqual(await dataOf("<html>\n\n{}\n\nevent: none\n\n"), []);
    assert.deepEqual(await dataOf("data: a\u2028b\u0085c\n\n"), [
      "a\u2028b\u0085c",
    ]);
  });

  test("are the same however the body is cut into pieces", async () => {
    const line = fc.oneof(
      fc.string({ unit: "binary" }).map((text) => `data: ${text}`),
      fc.constantFrom("", "", "data", "event: x", ": é", "data:🙂"),
    );
    const lines = fc.array(
      fc.tuple(line, fc.constantFrom("\n", "\r\n", "\r")),
      { maxLength: 12 },
    );
    await fc.assert(
      fc.asyncProperty(
        lines,
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }),
        async (lines, lengths) => {
          const body = bytes(lines.flat().join(""));
          const pieces: Uint8Array[] = [];
          for (let at = 0, n = 0; at < body.length; n++) {
            const length = lengths[n % lengths.length] ?? 1;
            pieces.push(body.subarray(at, (at += length)));
          }
          assert.deepEqual(await read(pieces), await read([body]));
        },
      ),
      { numRuns: 100 },
    );
  });

  test("are read up to a size, and no further", async () => {
    function* endless(piece: Uint8Array) {
      for (;;) yield piece;
    }
    for (const piece of ["data: no end ", "data: another line\n"])
      await assert.rejects(
        read(endless(bytes(piece.repeat(2_000)))),
        /^Error: an event has more than 1048576 characters$/,
      );
  });

  test("of a body that breaks off are those before", async () => {
    const heard: string[] = [];
    function* body() {
      yield bytes("data: a\n\ndata: b");
      throw new Error("reset");
    }
    await assert.rejects(async () => {
      for await (const { data } of readEvents(ReadableStream.from(body())))
        heard.push(data);
    }, BrokenOff);
    assert.deepEqual(heard, ["a"]);
  });
});
