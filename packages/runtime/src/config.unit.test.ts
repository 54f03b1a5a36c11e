import assert from "node:assert/strict";
import * as z from "zod";
import { describe, test } from "vitest";
import {
  ConfigError,
  count,
  duration,
  flag,
  readConfig,
  size,
} from "./config.ts";

const read = (block: z.ZodType, value: string | undefined) =>
  readConfig(z.object({ IT: block }), { IT: value }).IT;

/** What is wrong with a configuration. */
function problemsOf(schema: z.ZodType, env: Record<string, string>) {
  try {
    readConfig(schema, env);
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error;
  }
  return assert.fail("the configuration was taken");
}

describe("blocks", () => {
  const taken: [z.ZodType, string, unknown][] = [
    [duration(), "15", 15_000],
    [duration(), "15s", 15_000],
    [duration(), "500ms", 500],
    [duration(), "5m", 300_000],
    [duration(), "2h", 7_200_000],
    [duration(), "30d", 2_592_000_000],
    [duration(), " 1.5s ", 1_500],
    [size(), "1048576", 1_048_576],
    [size(), "10GiB", 10 * 2 ** 30],
    [size(), "256MB", 256_000_000],
    [size(), "1KiB", 1_024],
    [size(), "1.5 kib", 1_536],
    [flag(), "true", true],
    [flag(), "ON", true],
    [flag(), "yes", true],
    [flag(), "1", true],
    [flag(), "false", false],
    [flag(), "off", false],
    [flag(), "no", false],
    [flag(), "0", false],
    [count(), "0", 0],
    [count(undefined, { min: 1, max: 65_535 }), "65535", 65_535],
    [count(undefined, { min: -1 }), "-1", -1],
  ];
  for (const [block, text, value] of taken)
    test(`${text} is ${String(value)}`, () =>
      assert.equal(read(block, text), value));

  const refused: [z.ZodType, string][] = [
    [duration(), "fast"],
    [duration(), "-5s"],
    [duration(), "5 weeks"],
    [duration(), "5constructor"],
    [size(), "10s"],
    [size(), "1e3"],
    [size(), "99999TiB"],
    [flag(), "maybe"],
    [count(), "-1"],
    [count(), "1.5"],
    [count(), "0x10"],
    [count(undefined, { min: 1, max: 65_535 }), "65536"],
  ];
  for (const [block, text] of refused)
    test(`${text} is refused`, () =>
      assert.throws(() => read(block, text), ConfigError));

  test("the default is written as in the environment", () => {
    assert.equal(read(duration("15s"), undefined), 15_000);
    assert.equal(read(size("1GiB"), undefined), 2 ** 30);
    assert.equal(read(flag(false), undefined), false);
    assert.equal(read(count(0), undefined), 0);
  });
});

test("an empty value counts as unset", () => {
  assert.equal(read(count(8000), ""), 8000);
  assert.equal(read(duration().optional(), "  "), undefined);
});

test("everything that is wrong is listed, by name", () => {
  const schema = z.object({
    NATS_URL: z.string(),
    ENGINE: z.enum(["llama", "fake"]),
    PORT: count(8000, { min: 1, max: 65_535 }),
    TASK_TIMEOUT: duration("300s"),
  });
  const error = problemsOf(schema, { PORT: "http", TASK_TIMEOUT: "long" });
  assert.deepEqual(error.problems, [
    { name: "NATS_URL", message: "is not set" },
    { name: "ENGINE", message: "is not set" },
    { name: "PORT", message: "expected a whole number from 1 to 65535" },
    {
      name: "TASK_TIMEOUT",
      message: "expected a duration such as 15, 15s, 500ms, 5m, 2h or 30d",
    },
  ]);
  for (const { name } of error.problems)
    assert.match(error.message, RegExp(name));
});

test("no value is repeated", () => {
  const secret = "hunter2";
  const keys = z
    .string()
    .transform((text) => ({ [text]: text }))
    .pipe(z.record(z.string(), z.string().max(3)));
  const schema = z.object({
    A: duration(),
    B: size(),
    C: flag(),
    D: count(),
    E: z.url(),
    F: z.enum(["x"]),
    G: keys,
    H: z.string().max(3),
  });
  const env = Object.fromEntries(
    Object.keys(schema.shape).map((name) => [name, secret]),
  );
  const error = problemsOf(schema, env);
  assert.equal(error.problems.length, 8);
  assert.doesNotMatch(`${error.stack}${JSON.stringify(error)}`, RegExp(secret));
});

test("a rule over several variables has its say", () => {
  const schema = z
    .object({ A: count(1), B: count(2) })
    .refine(({ A, B }) => A > B, "A must be over B");
  assert.match(problemsOf(schema, {}).message, /\n {2}A must be over B$/);
});
