import { UserError } from "./project.mjs";

const colourful =
  Boolean(process.stdout.isTTY) && !process.env.NO_COLOR ? true : false;

/** @param {number} code @returns {(text: string) => string} */
const colour = (code) => (text) =>
  colourful ? `\x1b[${code}m${text}\x1b[0m` : text;

export const bold = colour(1);
export const dim = colour(2);
export const red = colour(31);
export const green = colour(32);
export const yellow = colour(33);
export const cyan = colour(36);

// Nobody reads it any more, as after `npm run try … | head -3`: the command goes on without a word.
for (const stream of [process.stdout, process.stderr])
  stream.on("error", (error) => {
    if (!("code" in error) || error.code !== "EPIPE") throw error;
  });

/** @param {string} line */
export function say(line = "") {
  process.stdout.write(`${line}\n`);
}

/**
 * Runs one step of a command, with a line when it takes over a second, another every 15 s and one at its end.
 * @template T
 * @param {string} title
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function step(title, work) {
  const start = Date.now();
  const seconds = () => Math.round((Date.now() - start) / 1000);
  let shown = false;
  const first = setTimeout(() => {
    shown = true;
    say(dim(`… ${title}`));
  }, 1000);
  const more = setInterval(
    () => say(dim(`… ${title}, ${seconds()} s so far`)),
    15_000,
  );
  try {
    const result = await work();
    if (shown) say(`${green("✓")} ${title} ${dim(`(${seconds()} s)`)}`);
    return result;
  } finally {
    clearTimeout(first);
    clearInterval(more);
  }
}

/**
 * Ends the process with the error: a {@link UserError} as its message, anything else with its stack.
 * @param {unknown} error
 * @returns {never}
 */
export function fail(error) {
  const text =
    error instanceof UserError
      ? error.message
      : error instanceof Error
        ? (error.stack ?? error.message)
        : String(error);
  process.stderr.write(`\n${red("✗")} ${text}\n`);
  process.exit(error instanceof UserError ? error.exitCode : 1);
}

/**
 * Text from outside without anything that a terminal would act on: control characters and bidi overrides.
 * @param {string} text
 */
export function printable(text) {
  // eslint-disable-next-line no-control-regex -- these are what is taken out
  const unsafe =
    /[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;
  return text.replace(
    unsafe,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/**
 * The same as one line, whatever is in it.
 * @param {string} text
 */
export function oneLine(text) {
  return printable(text).replace(/\n/g, "\\n").replace(/\t/g, "\\t");
}
