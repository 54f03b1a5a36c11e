import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "vitest";
import { readDotEnv } from "./dot-env.mjs";

function read(content: string | Buffer) {
  const dir = mkdtempSync(join(tmpdir(), "jetscribe-test-"));
  try {
    writeFileSync(join(dir, ".env"), content);
    return readDotEnv(join(dir, ".env"));
  } finally {
    rmSync(dir, { recursive: true });
  }
}

const lines = [
  "PORT=8123",
  "# a comment: with a colon",
  "",
  "export ENGINE = fake # the engine",
  'API_KEYS="a:one',
  "two: three",
  'four"',
  "MODEL=",
  "URL='nats://a:4222'",
];
const settings = {
  ...{ PORT: "8123", ENGINE: "fake", API_KEYS: "a:one\ntwo: three\nfour" },
  URL: "nats://a:4222",
};

for (const [editor, mark, end] of [
  ["of Unix", "", "\n"],
  ["of Windows", "\uFEFF", "\r\n"],
  ["of Windows, without a mark", "", "\r\n"],
  ["of an old Mac", "", "\r"],
])
  test(`.env is read as an editor ${editor} writes it`, () => {
    assert.deepEqual(read(mark + lines.join(end) + end), settings);
  });

test("a .env that is no UTF-8 is refused in one line", () => {
  const utf16 = Buffer.from(`\uFEFF${lines.join("\r\n")}`, "utf16le");
  const wrong: [Buffer, RegExp][] = [
    [utf16, /^\.env is UTF-16: save it as UTF-8$/],
    [utf16.swap16(), /^\.env is UTF-16: save it as UTF-8$/],
    [
      Buffer.from("MODEL=Zoë", "latin1"),
      /^\.env is not UTF-8: save it as UTF-8$/,
    ],
  ];
  for (const [bytes, why] of wrong)
    assert.throws(() => read(bytes), { message: why, exitCode: 78 });
});

test("a line that is no setting is refused by its number, without its value", () => {
  const wrong: [string, RegExp][] = [
    ["PORT: 8123\nSLOTS=2\n", /^\.env, line 1: expected PORT=value$/],
    [
      "SLOTS=2\n\n  API_KEYS : a:secret\n",
      /^\.env, line 3: expected API_KEYS=value$/,
    ],
    ["SLOTS=2\nPORT\n", /^\.env, line 2: expected PORT=value$/],
    ["SLOTS=2\na secret\n", /^\.env, line 2: expected NAME=value$/],
    ['{"PORT": 8123}', /^\.env, line 1: expected NAME=value$/],
  ];
  for (const [content, why] of wrong)
    assert.throws(() => read(content), { message: why, exitCode: 78 });
});
