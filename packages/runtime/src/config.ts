/**
 * Settings out of environment variables: zod building blocks for single values, and the one reading of all of them.
 * A block's argument is its default, written as in the environment; without one the variable is required, or
 * `.optional()`. No message repeats a value: it may be a secret.
 */
import * as z from "zod";

/** What process.env is. */
export type Env = Readonly<Record<string, string | undefined>>;

/** The exit code of a service whose configuration is wrong: a restart won't help (EX_CONFIG of sysexits.h). */
export const configExitCode = 78;

export interface ConfigProblem {
  /** The environment variable; empty where it is several together. */
  name: string;
  message: string;
}

/** Everything that is wrong with the configuration. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[]) {
    const lines = problems.map(({ name, message }) =>
      name === "" ? message : `${name}: ${message}`,
    );
    super(["the configuration is wrong:", ...lines].join("\n  "));
    this.problems = problems;
  }
}

/** Reads all settings at once; the keys of `schema` are the variables' names. An empty value counts as unset. */
export function readConfig<S extends z.ZodType>(
  schema: S,
  env: Env,
): z.infer<S> {
  const set = Object.fromEntries(
    Object.entries(env).filter(([, value]) => value?.trim()),
  );
  const result = schema.safeParse(set);
  if (result.success) return result.data;
  throw new ConfigError(
    result.error.issues.map(({ code, path, message }) => {
      // Only the first key: deeper ones may come out of a value.
      const name = String(path[0] ?? "");
      const unset = code !== "custom" && set[name] === undefined;
      return { name, message: unset ? "is not set" : message };
    }),
  );
}

/** `15`, `15s`, `500ms`, `5m`, `2h`, `30d`, in milliseconds; a plain number is seconds. */
export const duration = setting<number, string>(
  "a duration such as 15, 15s, 500ms, 5m, 2h or 30d",
  quantity({
    "": 1000,
    ms: 1,
    s: 1000,
    m: 60_000,
    h: 3_600_000,
    d: 86_400_000,
  }),
);

/** `1048576`, `256MB`, `10GiB`, in bytes. */
export const size = setting<number, string>(
  "a size such as 1048576, 256MB or 10GiB",
  quantity({
    "": 1,
    b: 1,
    kb: 1e3,
    mb: 1e6,
    gb: 1e9,
    tb: 1e12,
    kib: 2 ** 10,
    mib: 2 ** 20,
    gib: 2 ** 30,
    tib: 2 ** 40,
  }),
);

/** `true`, `1`, `yes`, `on` or `false`, `0`, `no`, `off`. */
export const flag = setting<boolean, boolean>("true or false", (text) => {
  if (/^(true|1|yes|on)$/i.test(text)) return true;
  return /^(false|0|no|off)$/i.test(text) ? false : undefined;
});

/** A whole number; both ends of the range belong to it. */
export function count(
  fallback?: number,
  { min = 0, max = Number.MAX_SAFE_INTEGER } = {},
): z.ZodType<number> {
  const end = max === Number.MAX_SAFE_INTEGER ? "on" : `to ${max}`;
  return setting<number, number>(
    `a whole number from ${min} ${end}`,
    (text) => {
      const number = /^[+-]?\d+$/.test(text) ? Number(text) : NaN;
      return number >= min && number <= max ? number : undefined;
    },
  )(fallback);
}

/** A block for values that `parse` understands; undefined: it doesn't, and `expected` says what it does. */
export function setting<T, Fallback>(
  expected: string,
  parse: (text: string) => T | undefined,
) {
  const schema = z.string().transform((text, context) => {
    const value = parse(text.trim());
    if (value !== undefined) return value;
    context.addIssue({ code: "custom", message: `expected ${expected}` });
    return z.NEVER;
  });
  return (fallback?: Fallback): z.ZodType<T> =>
    fallback === undefined ? schema : schema.prefault(String(fallback));
}

/** Reads a number with a unit; the result is whole. */
function quantity(units: Record<string, number>) {
  return (text: string): number | undefined => {
    const [, number, unit = ""] =
      /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(text) ?? [];
    const factor = Object.hasOwn(units, unit.toLowerCase())
      ? units[unit.toLowerCase()]
      : undefined;
    if (factor === undefined) return undefined;
    const value = Math.round(Number(number) * factor);
    return Number.isSafeInteger(value) ? value : undefined;
  };
}
